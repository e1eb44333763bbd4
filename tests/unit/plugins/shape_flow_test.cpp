#include "support/models.h"
#include "support/onnx_scan.h"
#include "unit/plugins/folder.h"

namespace speedster::plugin {
namespace {

using ::testing::ElementsAre;
using testing::Extents;
using testing::OnnxType;
using testing::OnnxWriter;
namespace models = testing::models;

std::vector<bool> flow(const OnnxWriter& model) {
  const Folder folder;
  return shapes_depend_on_values(scan_onnx(model.save(folder.path() / "m.onnx"), "test"));
}

TEST(ShapeFlow, OfInputShapesAlone) {
  EXPECT_THAT(flow(models::mlp()), ElementsAre(false));
  EXPECT_THAT(flow(models::small_cnn()), ElementsAre(false));
  EXPECT_THAT(flow(models::attention()), ElementsAre(false));
  EXPECT_THAT(flow(models::rows()), ElementsAre(false));
}

TEST(ShapeFlow, OfValues) { EXPECT_THAT(flow(models::nonzero()), ElementsAre(true)); }

/// A target computed from Shape is as good as a constant; one that is an input's value is not.
TEST(ShapeFlow, ReshapeByAShapeAndByAnInput) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4}).input("target", OnnxType::kInt64, {2});
  m.output("a", OnnxType::kFloat, {"p", "q"})
      .output("b", OnnxType::kFloat, {"r", "s"})
      .output("c", OnnxType::kInt64, {2});
  m.node("Shape", {"x"}, {"dims"}).node("Neg", {"dims"}, {"minus"}).node("Abs", {"minus"}, {"plus"});
  m.node("Reshape", {"x", "plus"}, {"a"}).node("Reshape", {"x", "target"}, {"b"}).node("Abs", {"target"}, {"c"});
  EXPECT_THAT(flow(m), ElementsAre(false, true, false));
}

/// What was made by data stays so: its Shape is a value that the data made.
TEST(ShapeFlow, DependencePassesOn) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n"})
      .output("y", OnnxType::kInt64, {1, "m"})
      .output("z", OnnxType::kFloat, {"a", "b"});
  m.initializer<float>("one", {1}, {1});
  m.node("NonZero", {"x"}, {"where"}).node("Abs", {"where"}, {"y"});
  m.node("Shape", {"where"}, {"dims"}).node("Expand", {"one", "dims"}, {"z"});
  EXPECT_THAT(flow(m), ElementsAre(true, true));
}

TEST(ShapeFlow, SequencesCountAsYes) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n"}).output("y", OnnxType::kFloat, {"n"});
  m.node("SplitToSequence", {"x"}, {"s"}).node("ConcatFromSequence", {"s"}, {"y"}, {{"axis", 0}});
  EXPECT_THAT(flow(m), ElementsAre(true)) << "lengths of sequences are not followed";
}

}  // namespace
}  // namespace speedster::plugin
