#include "compressor/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compressor/match.h"
#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

Placement place(OnnxModel& model, const std::string& backend = "onnxruntime", const StaticOptions& options = {}) {
  return place_quantizers(onnx_model::Graph(model), value_or_throw(target_for(backend, true)), options);
}

/// x → conv → relu → conv → add(relu) → relu → pool → flatten → gemm: a residual block and a head.
OnnxModel residual() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4, "h", "w"}).output("y", OnnxType::kFloat, {"n", 3});
  m.initializer<float>("k1", {4, 4, 1, 1}, uniform(16, 1)).initializer<float>("k2", {4, 4, 1, 1}, uniform(16, 2));
  m.initializer<float>("w", {3, 4}, uniform(12, 3));
  m.node("Conv", {"x", "k1"}, {"a"}, {}, "conv1")
      .node("Relu", {"a"}, {"b"})
      .node("Conv", {"b", "k2"}, {"c"}, {}, "conv2");
  m.node("Add", {"c", "b"}, {"d"}, {}, "add")
      .node("Relu", {"d"}, {"e"})
      .node("GlobalAveragePool", {"e"}, {"f"}, {}, "pool");
  m.node("Flatten", {"f"}, {"g"}).node("Gemm", {"g", "w"}, {"y"}, {{"transB", 1}}, "head");
  return parsed(m);
}

TEST(Placement, QuantizersStandBehindFusedActivationsAndResidualsStayInInt8) {
  OnnxModel model = residual();
  const Placement placement = place(model);
  EXPECT_THAT(placement.tensors, ElementsAre("x", "b", "c", "e", "f", "g"));
  EXPECT_EQ(placement.nodes.size(), 3U);
  EXPECT_EQ(placement.joined.size(), 3U) << "add, pool and flatten";
  EXPECT_EQ(placement.same_range.at("g"), "f") << "Flatten moves values: one scale serves both";
}

TEST(Match, PatternsThatFitNothingAreTold) {
  const OnnxModel model = residual();
  EXPECT_THAT(patterns_without_match(model, {"conv*", "Gemm", "head", "conv3", "Softmax"}),
              ElementsAre("conv3", "Softmax"));
  EXPECT_THAT(patterns_without_match(model, {}), ::testing::IsEmpty());
}

TEST(Match, ANameIsItselfEvenWhereItReadsAsAPattern) {
  ::onnx::NodeProto node;
  node.set_name("/layer[0]/dense");
  node.set_op_type("MatMul");
  EXPECT_TRUE(is_excluded(node, {}, {"/layer[0]/dense"}));
  EXPECT_FALSE(is_excluded(node, {}, {"/layer[1]/dense"}));
  node.set_name("/layer0/dense");
  EXPECT_TRUE(is_excluded(node, {}, {"/layer[0]/dense"})) << "a pattern";
}

TEST(Placement, CalibrationLeavesOutWhatTakesAnothersScale) {
  const OnnxModel model = residual();
  EXPECT_THAT(calibration_tensors(model, value_or_throw(target_for("onnxruntime", true)), {}),
              ElementsAre("x", "b", "c", "e", "f"));
}

TEST(Placement, AnExcludedJoinBreaksTheChain) {
  OnnxModel model = residual();
  StaticOptions options;
  options.exclude_nodes = {"add"};
  const Placement placement = place(model, "onnxruntime", options);
  EXPECT_THAT(placement.tensors, Not(Contains("e")));
  EXPECT_THAT(placement.tensors, Contains("g")) << "Gemm's own input";
}

TEST(Placement, ClipFromZeroIsAFusedActivationAndOtherClipsAreNot) {
  for (const float low : {0.0F, -1.0F}) {
    OnnxWriter m;
    m.input("x", OnnxType::kFloat, {"n", 4, "h", "w"}).output("y", OnnxType::kFloat, {"n", 4, "", ""});
    m.initializer<float>("k", {4, 4, 1, 1}, uniform(16, 1))
        .initializer<float>("low", {}, {low})
        .initializer<float>("high", {}, {6});
    m.node("Conv", {"x", "k"}, {"a"}).node("Clip", {"a", "low", "high"}, {"y"});
    OnnxModel model = parsed(m);
    EXPECT_THAT(place(model).tensors, ElementsAre("x", low == 0 ? "y" : "a"));
  }
}

TEST(Placement, WhatCannotBeQuantizedIsListedWithItsReason) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4}).output("y", OnnxType::kFloat, {});
  m.initializer<float>("deep", {2, 4, 4}, uniform(32, 1)).initializer<double>("wide", {4, 4}, std::vector<double>(16));
  m.initializer<float>("w", {4, 4}, uniform(16, 2)).initializer<float>("b", {1}, {1});
  m.node("MatMul", {"x", "deep"}, {"a"}, {}, "deep")
      .node("Gemm", {"x", "w", "b"}, {"c"}, {}, "bias")
      .node("Gemm", {"x", "w"}, {"d"}, {{"alpha", 2.0F}}, "alpha");
  m.node("MatMul", {"x", "x"}, {"e"}, {}, "computed").node("Sum", {"a", "c", "d", "e"}, {"y"});
  OnnxModel model = parsed(m);
  const Placement placement = place(model);
  EXPECT_TRUE(placement.nodes.empty());
  EXPECT_THAT(placement.skipped,
              ElementsAre("deep: weights of rank 3", "bias: a bias that is computed or no vector",
                          "alpha: alpha or a transposed input", "computed: its weights are computed"));
}

}  // namespace
}  // namespace speedster::compressor
