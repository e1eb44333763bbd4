#include "onnx/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;
using ::testing::ElementsAre;

std::vector<std::string> operators(Graph& graph) {
  std::vector<std::string> names;
  for (const auto* node : graph.nodes()) names.push_back(node->op_type());
  return names;
}

TEST(Graph, ProducersConsumersAndConstants) {
  OnnxModel model = parsed(models::mlp());
  const Graph graph(model);
  EXPECT_EQ(graph.producer("r")->op_type(), "Relu");
  EXPECT_EQ(graph.producer("x"), nullptr);
  ASSERT_EQ(graph.consumers("r").size(), 1U);
  EXPECT_EQ(graph.consumers("r")[0]->name(), "fc2");
  EXPECT_TRUE(graph.has_one_use("h"));
  EXPECT_FALSE(graph.has_one_use("y")) << "an output of the graph";
  EXPECT_EQ(graph.constant("w1")->shape, (Shape{16, 32}));
  EXPECT_FALSE(graph.constant("h").has_value());
  EXPECT_EQ(graph.load_constant("h").error().kind(), ErrorKind::kNotFound);
}

TEST(Graph, ConstantsThroughIdentityAndConstantNodes) {
  OnnxWriter m;
  m.output("y", OnnxType::kFloat, {})
      .node("Constant", {}, {"c"}, {{"value_float", 2.5F}})
      .node("Identity", {"c"}, {"i"});
  m.node("Identity", {"i"}, {"y"});
  OnnxModel model = parsed(m);
  const Graph graph(model);
  EXPECT_EQ(graph.resolve("y"), "c");
  EXPECT_EQ(value_or_throw(graph.load_constant("y")).as<float>()[0], 2.5F);
}

TEST(Graph, FinishSortsAndDropsWhatBecameUseless) {
  OnnxModel model = parsed(models::mlp());
  Graph graph(model);
  graph.add_node("Neg", {"x"}, {"n"}, "negate");  // behind its reader in the file
  graph.replace_uses("r", "n");
  ok_or_throw(graph.finish());
  EXPECT_THAT(operators(graph), ElementsAre("Neg", "Gemm"));
  std::vector<std::string> initializers;
  for (const auto& tensor : model.proto().graph().initializer()) initializers.push_back(tensor.name());
  EXPECT_THAT(initializers, ElementsAre("w2", "b2"));
}

TEST(Graph, InitializersThatNobodyUsedBeforeStay) {
  OnnxWriter m = models::mlp();
  m.initializer<float>("spare", {1}, {1});
  OnnxModel model = parsed(m);
  Graph graph(model);
  ok_or_throw(graph.finish());
  EXPECT_TRUE(graph.constant("spare").has_value());
}

TEST(Graph, NewNamesAreUnique) {
  OnnxModel model = parsed(models::mlp());
  Graph graph(model);
  EXPECT_EQ(graph.unique("h"), "h_1");
  EXPECT_EQ(graph.unique("h"), "h_2");
  EXPECT_EQ(graph.unique("new"), "new");
  EXPECT_EQ(graph.unique("new"), "new_1");
}

TEST(Graph, CapturesOfSubgraphsAreUses) {
  const WireWriter inner = WireWriter()
                               .message(1, WireWriter().text(1, "outer").text(2, "t").text(4, "Tanh"))
                               .message(12, WireWriter().text(1, "t"));
  const WireWriter branch = WireWriter().text(1, "then_branch").message(6, inner).integer(20, 5);
  WireWriter graph_bytes;
  graph_bytes.message(1, WireWriter().text(1, "x").text(2, "outer").text(4, "Neg"));
  graph_bytes.message(1, WireWriter().text(1, "flag").text(2, "y").text(4, "If").message(5, branch));
  for (const char* name : {"x", "flag"}) graph_bytes.message(11, WireWriter().text(1, name));
  graph_bytes.message(12, WireWriter().text(1, "y"));
  const std::string bytes =
      WireWriter().integer(1, 8).message(7, graph_bytes).message(8, WireWriter().text(1, "").integer(2, 17)).bytes();
  OnnxModel model = value_or_throw(OnnxModel::read_from_memory(std::as_bytes(std::span(bytes))));
  Graph graph(model);
  ASSERT_EQ(graph.consumers("outer").size(), 1U);
  EXPECT_EQ(graph.consumers("outer")[0]->op_type(), "If");
  ok_or_throw(graph.finish());
  EXPECT_THAT(operators(graph), ElementsAre("Neg", "If"));
}

}  // namespace
}  // namespace speedster::onnx_model
