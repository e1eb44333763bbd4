/// Dead ends, constants and duplicates: what becomes of weights.
#include "unit/rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

OnnxWriter writer() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 16}).output("y", OnnxType::kFloat, {"n", ""});
  return m;
}

std::size_t changes(const OnnxWriter& m, const char* pass, OnnxModel& model) {
  const OnnxModel original = parsed(m);
  model = original.clone();
  const std::size_t count = apply(model, pass);
  expect_same(original, model, random_tensor({3, 16}, 5));
  return count;
}

bool has_initializer(const OnnxModel& model, const std::string& name) {
  for (const auto& tensor : model.proto().graph().initializer())
    if (tensor.name() == name) return true;
  return false;
}

TEST(DeadEnds, NodesAndWeightsThatNoOutputDependsOnGo) {
  OnnxWriter m = writer();
  m.initializer<float>("w", {16, 4}, uniform(64, 1)).initializer<float>("old", {64}, uniform(64, 2));
  m.initializer<float>("v", {16, 4}, uniform(64, 3)).node("MatMul", {"x", "w"}, {"y"});
  m.node("MatMul", {"x", "v"}, {"d"}).node("Relu", {"d"}, {"e"});
  OnnxModel model;
  EXPECT_EQ(changes(m, "dead-ends", model), 3U)
      << "two nodes and what nobody used before; the other weight with its node";
  EXPECT_EQ(model.proto().graph().node_size(), 1);
  EXPECT_TRUE(has_initializer(model, "w"));
  EXPECT_FALSE(has_initializer(model, "v"));
  EXPECT_FALSE(has_initializer(model, "old"));
  EXPECT_EQ(apply(model, "dead-ends"), 0U);
}

TEST(DeadEnds, AWeightThatIsAnOutputStays) {
  OnnxWriter m = writer();
  m.initializer<float>("w", {16, 4}, uniform(64, 1)).initializer<float>("seen", {2}, uniform(2, 2));
  m.output("seen", OnnxType::kFloat, {2}).node("MatMul", {"x", "w"}, {"y"});
  OnnxModel model = parsed(m);
  EXPECT_EQ(apply(model, "dead-ends"), 0U);
}

TEST(Constants, WhatDependsOnConstantsAloneIsComputed) {
  OnnxWriter m = writer();
  m.initializer<float>("w", {4, 16}, uniform(64, 1)).initializer<float>("two", {}, {2.0F});
  m.node("Transpose", {"w"}, {"t"}, {{"perm", Extents{1, 0}}}).node("Mul", {"t", "two"}, {"u"});
  m.node("MatMul", {"x", "u"}, {"y"}, {}, "product");
  OnnxModel model;
  EXPECT_EQ(changes(m, "constants", model), 1U);
  EXPECT_EQ(model.proto().graph().node_size(), 1);
  EXPECT_FALSE(has_initializer(model, "w"));
  const onnx_model::Graph graph(model);
  EXPECT_TRUE(graph.constant(node_named(model, "product")->input(1))) << "what can be quantized now";
}

TEST(Constants, WhatWouldOnlyGrowTheFileStays) {
  OnnxWriter m = writer();
  m.initializer<float>("row", {1, 64}, uniform(64, 1)).initializer<float>("column", {16, 1}, uniform(16, 2));
  m.initializer<float>("rows", {64, 1}, uniform(64, 3));
  m.node("Mul", {"rows", "row"}, {"outer"}).node("Mul", {"column", "row"}, {"w"}).node("MatMul", {"w", "outer"}, {"v"});
  m.node("MatMul", {"x", "w"}, {"z"}).node("MatMul", {"z", "outer"}, {"a"}).node("ReduceMean", {"v"}, {"r"});
  m.node("Add", {"a", "r"}, {"y"});
  OnnxModel model;
  EXPECT_EQ(changes(m, "constants", model), 1U) << "4096 bytes and no more";
  EXPECT_EQ(count(model, "Mul"), 1U);
}

TEST(Constants, QuantizedWeightsStayQuantized) {
  OnnxModel model = parsed(models::qdq_mlp());
  const std::size_t before = count(model, "DequantizeLinear");
  EXPECT_EQ(apply(model, "constants"), 0U);
  EXPECT_EQ(count(model, "DequantizeLinear"), before);
}

TEST(Constants, WithoutSomebodyToComputeNothingHappens) {
  OnnxWriter m = writer();
  m.initializer<float>("w", {4, 16}, uniform(64, 1)).node("Transpose", {"w"}, {"t"}, {{"perm", Extents{1, 0}}});
  OnnxModel model = parsed(m.node("MatMul", {"x", "t"}, {"y"}));
  EXPECT_EQ(testing::value_or_throw(rewrite(model, {})).changes(), 0U);
  const Evaluate refuses = [](const OnnxModel&) {
    return Result<std::vector<Tensor>>(Error(ErrorKind::kVendor, "[x] no"));
  };
  const Rewriting done = value_or_throw(rewrite(model, {{}, {}, refuses}));
  EXPECT_EQ(done.changes(), 0U);
  const Evaluate forgets = [](const OnnxModel&) { return Result<std::vector<Tensor>>(std::vector<Tensor>()); };
  EXPECT_EQ(value_or_throw(rewrite(model, {{}, {}, forgets})).changes(), 0U);
  EXPECT_EQ(count(model, "Transpose"), 1U);
}

TEST(Duplicates, SameValuesAreStoredOnce) {
  OnnxWriter m = writer();
  const auto values = uniform(256, 1);
  auto other = values;
  other.back() += 1;
  m.initializer<float>("a", {16, 16}, values)
      .initializer<float>("b", {16, 16}, values)
      .initializer<float>("c", {16, 16}, other);
  m.initializer<float>("flat", {256}, values).initializer<float>("s", {}, {2.0F}).initializer<float>("t", {}, {2.0F});
  m.node("MatMul", {"x", "a"}, {"p"}).node("MatMul", {"p", "b"}, {"q"}).node("MatMul", {"q", "c"}, {"r"});
  m.node("ReduceMean", {"flat"}, {"f"})
      .node("Add", {"r", "f"}, {"u"})
      .node("Mul", {"u", "s"}, {"v"})
      .node("Mul", {"v", "t"}, {"y"});
  OnnxModel model;
  EXPECT_EQ(changes(m, "duplicates", model), 1U) << "not another value, not another shape, not what is tiny";
  EXPECT_TRUE(has_initializer(model, "a"));
  EXPECT_FALSE(has_initializer(model, "b"));
  EXPECT_EQ(apply(model, "duplicates"), 0U);
}

TEST(Duplicates, ExternalWeightsAreReadWhereTheyLie) {
  const TempDir folder = value_or_throw(TempDir::create("duplicates"));
  OnnxWriter m = writer();
  const auto values = uniform(256, 1);
  m.external<float>("a", {16, 16}, values, "one.bin").external<float>("b", {16, 16}, values, "two.bin");
  m.node("MatMul", {"x", "a"}, {"p"}).node("MatMul", {"p", "b"}, {"y"});
  m.save(folder.path() / "model.onnx");
  const OnnxModel original = value_or_throw(OnnxModel::read(folder.path() / "model.onnx"));
  OnnxModel model = original.clone();
  EXPECT_EQ(apply(model, "duplicates"), 1U);
  EXPECT_EQ(2 * model.weight_bytes(), original.weight_bytes());
  expect_same(original, model, random_tensor({3, 16}, 5));
}

}  // namespace
}  // namespace speedster::rewrite
