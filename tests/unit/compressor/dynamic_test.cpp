#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

TEST(QuantizeDynamic, AttentionSharesOneQuantizerAndStaysClose) {
  const OnnxModel original = parsed(models::attention());
  for (const bool per_channel : {true, false}) {
    OnnxModel model = original.clone();
    DynamicOptions options;
    options.per_channel = per_channel;
    const QuantizationSummary summary = value_or_throw(quantize_dynamic(model, options));
    EXPECT_EQ(summary.quantized_nodes, 3U);
    EXPECT_EQ(summary.candidate_nodes, 5U);
    EXPECT_EQ(count(model, "DynamicQuantizeLinear"), 1U) << "query, key and value read the same tensor";
    EXPECT_EQ(count(model, "MatMulInteger"), 3U);
    const Difference d = compare(original, model, random_tensor({2, 5, 8}, 3));
    EXPECT_GT(d.cosine, 0.9995);
    EXPECT_GT(d.relative_l2, 0);
  }
}

TEST(QuantizeDynamic, EveryFormOfGemm) {
  for (const bool transposed : {false, true}) {
    OnnxWriter m(11);
    m.input("x", OnnxType::kFloat, {"n", 8}).output("y", OnnxType::kFloat, {"n", 4});
    m.initializer<float>("w", transposed ? Extents{4, 8} : Extents{8, 4}, uniform(32, 1))
        .initializer<float>("b", {4}, uniform(4, 2));
    m.node("Gemm", {"x", "w", "b"}, {"y"}, {{"transB", transposed ? 1 : 0}, {"alpha", 0.5F}, {"beta", 2.0F}});
    const OnnxModel original = parsed(m);
    OnnxModel model = original.clone();
    EXPECT_EQ(value_or_throw(quantize_dynamic(model, {})).quantized_nodes, 1U);
    EXPECT_GT(compare(original, model, random_tensor({5, 8}, 3)).cosine, 0.9998) << transposed;
    EXPECT_EQ(value_or_throw(model.signature()), value_or_throw(original.signature()));
  }
}

TEST(QuantizeDynamic, ConvolutionsAndExcludedNodesStay) {
  OnnxModel cnn = parsed(models::small_cnn());
  const QuantizationSummary summary = value_or_throw(quantize_dynamic(cnn, {}));
  EXPECT_EQ(summary.candidate_nodes, 1U);
  EXPECT_EQ(count(cnn, "Conv"), 3U);
  OnnxModel mlp = parsed(models::mlp());
  DynamicOptions options;
  options.exclude_patterns = {"*1"};
  const QuantizationSummary some = value_or_throw(quantize_dynamic(mlp, options));
  EXPECT_THAT(some.nodes, ::testing::ElementsAre("fc2"));
  EXPECT_THAT(some.skipped, ::testing::ElementsAre("fc1: excluded"));
}

TEST(QuantizeDynamic, RefusesWhatItCannotDo) {
  OnnxModel quantized = parsed(models::dynamic_int8());
  EXPECT_EQ(quantize_dynamic(quantized, {}).error().kind(), ErrorKind::kUnsupported);
  OnnxWriter m(10, 5);
  m.input("x", OnnxType::kFloat, {"n", 8})
      .output("y", OnnxType::kFloat, {"n", 4})
      .initializer<float>("w", {8, 4}, uniform(32, 1));
  OnnxModel old = parsed(m.node("MatMul", {"x", "w"}, {"y"}));
  EXPECT_THAT(quantize_dynamic(old, {}).error().message(), ::testing::HasSubstr("opset 11"));
  OnnxModel nan = parsed(OnnxWriter()
                             .input("x", OnnxType::kFloat, {1, 1})
                             .output("y", OnnxType::kFloat, {1, 1})
                             .initializer<float>("w", {1, 1}, {NAN})
                             .node("MatMul", {"x", "w"}, {"y"}, {}, "broken"));
  EXPECT_THAT(quantize_dynamic(nan, {}).error().full_message(), ::testing::HasSubstr("broken"));
}

}  // namespace
}  // namespace speedster::compressor
