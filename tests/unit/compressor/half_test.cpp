#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

QuantizationSummary converted(OnnxModel& model, Half kind = Half::kFloat16,
                              const std::set<std::string>& keep = sensitive_operators()) {
  return value_or_throw(convert_half(model, kind, keep));
}

TEST(ConvertHalf, InterfaceStaysAndValuesAreClose) {
  for (const auto& [writer, shape] : {std::pair(models::small_cnn(), Shape{2, 3, 16, 12}),
                                      {models::attention(), Shape{2, 5, 8}},
                                      {models::mlp(), Shape{3, 16}}}) {
    const OnnxModel original = parsed(writer);
    OnnxModel model = original.clone();
    const QuantizationSummary summary = converted(model);
    EXPECT_GT(summary.quantized_nodes, 0U);
    EXPECT_EQ(value_or_throw(model.signature()), value_or_throw(original.signature()));
    const Difference d = compare(original, model, random_tensor(shape, 3));
    EXPECT_GT(d.cosine, 0.99999);
    EXPECT_GT(d.relative_l2, 1e-6) << "nothing ran in 16 bits";
  }
}

TEST(ConvertHalf, WeightsAreHalfAsLarge) {
  OnnxModel model = parsed(models::mlp());
  const std::uint64_t before = model.weight_bytes();
  converted(model);
  EXPECT_EQ(model.weight_bytes() * 2, before);
}

TEST(ConvertHalf, SensitiveAndKeptOperatorsStayInFloat) {
  OnnxModel model = parsed(models::attention());
  const QuantizationSummary summary = converted(model);
  EXPECT_THAT(summary.skipped, ::testing::Contains(::testing::HasSubstr("kept in float32")));
  const auto types = onnx_model::value_types(model);
  for (const auto& node : model.proto().graph().node()) {
    if (node.op_type() == "Softmax") {
      EXPECT_EQ(types.at(node.input(0)).dtype, DType::kFloat32);
    }
    if (node.op_type() == "MatMul") {
      EXPECT_EQ(types.at(node.input(0)).dtype, DType::kFloat16);
    }
  }
}

TEST(ConvertHalf, WhatHasNoFloat16StaysInFloat) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {4}).output("y", OnnxType::kFloat, {4});
  m.node("Celu", {"x"}, {"c"}, {}, "celu").node("Relu", {"c"}, {"y"}, {}, "relu");
  OnnxModel model = parsed(m);
  const QuantizationSummary summary = converted(model);
  EXPECT_THAT(summary.skipped, ::testing::Contains(::testing::HasSubstr("celu: no float16")));
  EXPECT_THAT(summary.nodes, ::testing::ElementsAre("relu"));
}

TEST(ConvertHalf, ValuesBeyondTheRangeAreClamped) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2})
      .output("y", OnnxType::kFloat, {2})
      .initializer<float>("mask", {2}, {-3.4e38F, 1.0F});
  OnnxModel model = parsed(m.node("Add", {"x", "mask"}, {"y"}));
  converted(model);
  const Tensor y = run(model, Tensor::from<float>(DType::kFloat32, {2}, std::vector<float>{0.5F, 0.5F}));
  EXPECT_TRUE(std::isfinite(y.as<float>()[0]));
  EXPECT_LE(y.as<float>()[0], -60000.0F);
}

TEST(ConvertHalf, BFloat16WhereTheOpsetDefinesIt) {
  const OnnxModel original = parsed(models::attention());
  OnnxModel model = original.clone();
  converted(model, Half::kBFloat16);
  EXPECT_GT(compare(original, model, random_tensor({2, 5, 8}, 3)).cosine, 0.9995);
  OnnxModel cnn = parsed(models::small_cnn());
  EXPECT_THAT(converted(cnn, Half::kBFloat16).skipped, ::testing::Contains("conv1: no bfloat16 in opset 17"));
  OnnxWriter old(12);
  old.input("x", OnnxType::kFloat, {1}).output("y", OnnxType::kFloat, {1}).node("Relu", {"x"}, {"y"});
  OnnxModel refused = parsed(old);
  EXPECT_EQ(convert_half(refused, Half::kBFloat16, {}).error().kind(), ErrorKind::kUnsupported);
}

TEST(ConvertHalf, OtherDomainsAndIntegersAreLeftAlone) {
  OnnxWriter m;
  m.domain("com.microsoft", 1).input("x", OnnxType::kFloat, {2}).input("i", OnnxType::kInt64, {2});
  m.output("y", OnnxType::kFloat, {2}).output("j", OnnxType::kInt64, {2});
  m.node("Gelu", {"x"}, {"y"}, {}, "gelu", "com.microsoft").node("Neg", {"i"}, {"j"});
  OnnxModel model = parsed(m);
  const QuantizationSummary summary = converted(model);
  EXPECT_EQ(summary.quantized_nodes, 0U);
  EXPECT_THAT(summary.skipped, ::testing::ElementsAre("gelu: an operator of another domain"));
  EXPECT_EQ(model.proto().graph().node_size(), 2);
}

}  // namespace
}  // namespace speedster::compressor
