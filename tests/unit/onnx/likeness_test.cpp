#include "onnx/likeness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;
using ::testing::ElementsAre;

std::vector<std::vector<std::size_t>> groups_of(const OnnxWriter& writer, const std::string& op, int radius = 2) {
  OnnxModel model = parsed(writer);
  const Graph graph(model);
  std::vector<::onnx::NodeProto*> nodes;
  for (::onnx::NodeProto* node : graph.ordered_nodes())
    if (node->op_type() == op) nodes.push_back(node);
  return like_nodes(graph, nodes, radius);
}

TEST(LikeNodes, TheSameBlockAgainAndAgainIsOneGroup) {
  // The ends of the chain have other neighbours.
  EXPECT_THAT(groups_of(models::spoiled_chain(8, 4, {}), "MatMul"),
              ElementsAre(ElementsAre(0), ElementsAre(1, 2, 3, 4, 5, 6), ElementsAre(7)));
}

TEST(LikeNodes, ValuesOfWeightsDoNotCount) {
  EXPECT_EQ(groups_of(models::spoiled_chain(8, 4, {2, 5}), "MatMul").size(), 3U);
}

TEST(LikeNodes, ShapesOfWeightsDo) {
  EXPECT_THAT(groups_of(models::mlp(), "Gemm", 0), ElementsAre(ElementsAre(0), ElementsAre(1)));
}

TEST(LikeNodes, AttributesDo) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2, 4}).output("y", OnnxType::kFloat, {2, 4});
  m.node("Softmax", {"x"}, {"a"}, {{"axis", 1}}).node("Softmax", {"x"}, {"b"}, {{"axis", 0}});
  m.node("Softmax", {"x"}, {"c"}, {{"axis", 1}}).node("Sum", {"a", "b", "c"}, {"y"});
  EXPECT_THAT(groups_of(m, "Softmax"), ElementsAre(ElementsAre(0, 2), ElementsAre(1)));
}

TEST(LikeNodes, HowFarIsLookedDecides) {
  const OnnxWriter chain = models::spoiled_chain(8, 4, {});
  EXPECT_EQ(groups_of(chain, "MatMul", 0).size(), 1U);
  EXPECT_EQ(groups_of(chain, "MatMul", 4).size(), 5U);
}

}  // namespace
}  // namespace speedster::onnx_model
