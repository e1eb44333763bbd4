#include "support/onnx_scan.h"

#include <sys/stat.h>

#include "support/models.h"
#include "unit/plugins/folder.h"

namespace speedster::plugin {
namespace {

using ::testing::ElementsAre;
using testing::Extents;
using ::testing::HasSubstr;
using testing::OnnxType;
using testing::OnnxWriter;
namespace models = testing::models;

OnnxScan scan(const Folder& folder, const OnnxWriter& model) {
  return scan_onnx(model.save(folder.path() / "m.onnx"), "test");
}
int code_of(const Folder& folder, const OnnxWriter& model, std::string* message = nullptr) {
  return failure_code([&] { scan(folder, model); }, message);
}

TEST(OnnxScan, FindsTheStructure) {
  const Folder folder;
  const OnnxScan found = scan(folder, models::mlp());
  EXPECT_THAT(found.inputs, ElementsAre("x"));
  EXPECT_THAT(found.outputs, ElementsAre("y"));
  EXPECT_THAT(found.operators, ElementsAre("Gemm", "Relu"));
  EXPECT_THAT(found.initializers, ElementsAre("b1", "b2", "w1", "w2"));
  EXPECT_EQ(found.weight_bytes, 4U * (16 * 32 + 32 + 32 * 4 + 4));
  EXPECT_EQ(found.weight_elements.at(1), 16U * 32 + 32 + 32 * 4 + 4);
  EXPECT_THAT(found.axes.at("x"), ElementsAre("batch", ""));
  EXPECT_TRUE(found.free_axes);
  OnnxWriter fixed;
  fixed.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2}).node("Abs", {"x"}, {"y"});
  EXPECT_FALSE(scan(folder, fixed).free_axes);
}

TEST(OnnxScan, TellsNoShapeFromAScalar) {
  const Folder folder;
  OnnxWriter m;
  m.unranked_input("a", OnnxType::kFloat).input("b", OnnxType::kFloat, {});
  m.unranked_output("c", OnnxType::kFloat).output("d", OnnxType::kFloat, {});
  m.node("Neg", {"a"}, {"c"}).node("Neg", {"b"}, {"d"});
  const OnnxScan found = scan(folder, m);
  EXPECT_THAT(found.unranked, ElementsAre("a", "c"));
  EXPECT_TRUE(found.free_axes);
}

TEST(OnnxScan, SortsNodes) {
  const Folder folder;
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).output("c", OnnxType::kFloat, {2});
  m.node("Neg", {"b"}, {"c"}).node("Abs", {"x"}, {"a"}).node("Exp", {"a"}, {"b"});
  std::vector<std::string> order;
  for (const OnnxNode& node : scan(folder, m).nodes) order.push_back(node.op);
  EXPECT_THAT(order, ElementsAre("Abs", "Exp", "Neg"));
}

TEST(OnnxScan, RefusesGraphsThatContradictThemselves) {
  const Folder folder;
  std::string message;
  OnnxWriter undefined;
  undefined.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2}).node("Add", {"x", "missing"}, {"y"});
  EXPECT_EQ(code_of(folder, undefined, &message), SP_INVALID);
  EXPECT_THAT(message, HasSubstr("'missing'"));
  OnnxWriter no_output;
  no_output.input("x", OnnxType::kFloat, {2}).output("z", OnnxType::kFloat, {2}).node("Abs", {"x"}, {"y"});
  EXPECT_EQ(code_of(folder, no_output), SP_INVALID);
  OnnxWriter cycle;
  cycle.input("x", OnnxType::kFloat, {2}).output("b", OnnxType::kFloat, {2});
  cycle.node("Add", {"x", "b"}, {"a"}).node("Abs", {"a"}, {"b"});
  EXPECT_EQ(code_of(folder, cycle), SP_INVALID);
  OnnxWriter few_bytes;
  few_bytes.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
  few_bytes.initializer("w", testing::TensorData{OnnxType::kFloat, {2}, std::string(7, '\0')})
      .node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(code_of(folder, few_bytes, &message), SP_INVALID);
  EXPECT_THAT(message, HasSubstr("tensor 'w'"));
}

TEST(OnnxScan, RefusesOtherFiles) {
  const Folder folder;
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.path() / "none.onnx", "test"); }), SP_NOT_FOUND);
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.path(), "test"); }), SP_INVALID);
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.write("empty", ""), "test"); }), SP_INVALID);
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.write("text", "this is no model\n"), "test"); }), SP_INVALID);
}

TEST(OnnxScan, EveryCutOfAFileEndsInAFailureOrAScan) {
  const Folder folder;
  const std::string whole = models::small_cnn().bytes();
  std::size_t refused = 0;
  for (std::size_t length = 0; length < whole.size(); length += 13) {
    const int code = failure_code([&] { scan_onnx(folder.write("cut.onnx", whole.substr(0, length)), "test"); });
    EXPECT_TRUE(code == 0 || code == SP_INVALID) << code << " at " << length;
    refused += code != 0;
  }
  EXPECT_GT(refused, whole.size() / 13 * 9 / 10) << "expected all but cuts between two fields to be refused";
}

TEST(OnnxScan, ExternalDataStaysInTheFolder) {
  const Folder folder;
  EXPECT_THAT(scan(folder, models::external_data()).external_files, ElementsAre("weights.bin"));
  std::filesystem::rename(folder.path() / "weights.bin", folder.path() / "elsewhere.bin");
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.path() / "m.onnx", "test"); }), SP_NOT_FOUND);
  std::filesystem::create_symlink("elsewhere.bin", folder.path() / "weights.bin");
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.path() / "m.onnx", "test"); }), SP_INVALID);
  std::filesystem::remove(folder.path() / "weights.bin");
  folder.write("weights.bin", "short");
  EXPECT_EQ(failure_code([&] { scan_onnx(folder.path() / "m.onnx", "test"); }), SP_INVALID);
}

TEST(OnnxScan, ExternalDataSaysEverythingOnce) {
  const Folder folder;
  folder.write("w.bin", std::string(64, 'w'));
  const auto reading = [&](std::vector<std::pair<std::string, std::string>> entries) {
    OnnxWriter m;
    m.input("x", OnnxType::kFloat, {16}).output("y", OnnxType::kFloat, {16}).node("Add", {"x", "w"}, {"y"});
    m.external_entries("w", OnnxType::kFloat, {16}, entries);
    return code_of(folder, m);
  };
  EXPECT_EQ(reading({{"location", "w.bin"}, {"length", "64"}}), 0);
  EXPECT_EQ(reading({{"location", "w.bin"}, {"location", "a/../../w.bin"}}), SP_INVALID) << "readers differ";
  EXPECT_EQ(reading({{"location", "w.bin"}, {"offset", "0"}, {"offset", "99"}}), SP_INVALID);
  EXPECT_EQ(reading({{"location", "*/_ORT_MEM_ADDR_/*"}}), SP_INVALID) << "an address to some vendors";
}

TEST(OnnxScan, AnOutputIsThereOnce) {
  const Folder folder;
  OnnxWriter twice;
  twice.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
  EXPECT_EQ(code_of(folder, twice.node("Abs", {"x"}, {"y"})), SP_INVALID);
}

TEST(OnnxScan, CopiesAModelWithItsData) {
  const Folder folder;
  const OnnxScan found = scan(folder, models::external_data());
  const auto to = folder.path() / "copy";
  std::filesystem::create_directory(to);
  EXPECT_THAT(copy_onnx(folder.path() / "m.onnx", found, to, "test"), ElementsAre("model.onnx", "weights.bin"));
  EXPECT_EQ(scan_onnx(to / "model.onnx", "test").weight_bytes, found.weight_bytes);
  EXPECT_EQ(std::filesystem::hard_link_count(to / "weights.bin"), 1U);
}

}  // namespace
}  // namespace speedster::plugin
