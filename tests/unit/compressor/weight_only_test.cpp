#include "compressor/weight_only.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What MatMulNBits multiplies by: (q - 2^(bits-1)) · scale.
float unpacked(const PackedWeight& packed, std::size_t row, std::size_t column, int bits, int block) {
  const auto blocks = static_cast<std::size_t>(packed.values.shape()[1]);
  const auto bytes = static_cast<std::size_t>(packed.values.shape()[2]);
  const std::size_t place = column * blocks + row / static_cast<std::size_t>(block);
  const std::size_t i = row % static_cast<std::size_t>(block);
  std::uint8_t q = packed.values.as<std::uint8_t>()[place * bytes + i * static_cast<std::size_t>(bits) / 8];
  if (bits == 4) q = i % 2 == 0 ? q & 15 : q >> 4U;
  return static_cast<float>(q - (1 << (bits - 1))) * packed.scales[place];
}

TEST(PackColumns, EveryValueIsWithinHalfAScale) {
  constexpr std::size_t kInputs = 70, kOutputs = 5;  // the last block of a column is not full
  const auto values = uniform(kInputs * kOutputs, 3);
  const Tensor weight = Tensor::from<float>(DType::kFloat32, {kInputs, kOutputs}, std::span<const float>(values));
  for (const int bits : {4, 8})
    for (const int block : {16, 32}) {
      const PackedWeight packed = value_or_throw(pack_columns(weight, bits, block));
      EXPECT_EQ(packed.values.shape(), (Shape{5, (70 + block - 1) / block, block * bits / 8}));
      for (std::size_t row = 0; row < kInputs; ++row)
        for (std::size_t column = 0; column < kOutputs; ++column) {
          const std::size_t place =
              column * static_cast<std::size_t>(packed.values.shape()[1]) + row / static_cast<std::size_t>(block);
          // The far end of the other sign has one step less.
          EXPECT_NEAR(unpacked(packed, row, column, bits, block), values[row * kOutputs + column],
                      std::abs(packed.scales[place]) * 1.001F);
        }
    }
}

TEST(PackColumns, TheLargestOfABlockIsExact) {
  std::vector<float> values(32, 0.01F);
  values[7] = 0.8F;
  const Tensor weight = Tensor::from<float>(DType::kFloat32, {32, 1}, std::span<const float>(values));
  const PackedWeight packed = value_or_throw(pack_columns(weight, 4, 32));
  EXPECT_FLOAT_EQ(packed.scales[0], -0.1F);
  EXPECT_FLOAT_EQ(unpacked(packed, 7, 0, 4, 32), 0.8F);
  EXPECT_EQ(packed.values.as<std::uint8_t>()[3], 0x08) << "row 7 in the high half: -8 + 8; row 6 in the low half: 8";
}

TEST(PackColumns, ZerosStayZeroAndNanIsRefused) {
  const std::vector<float> zeros(16, 0.0F), nan(16, NAN);
  const PackedWeight packed =
      value_or_throw(pack_columns(Tensor::from<float>(DType::kFloat32, {16, 1}, std::span<const float>(zeros)), 8, 16));
  EXPECT_EQ(unpacked(packed, 3, 0, 8, 16), 0);
  EXPECT_EQ(
      pack_columns(Tensor::from<float>(DType::kFloat32, {16, 1}, std::span<const float>(nan)), 4, 16).error().kind(),
      ErrorKind::kBadInput);
}

OnnxWriter products() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 32}).output("y", OnnxType::kFloat, {"n", 8});
  m.initializer<float>("w1", {48, 32}, uniform(48 * 32, 1)).initializer<float>("b1", {48}, uniform(48, 2));
  m.initializer<float>("w2", {48, 8}, uniform(48 * 8, 3)).initializer<float>("w3", {8, 8}, uniform(64, 4));
  m.node("Gemm", {"x", "w1", "b1"}, {"h"}, {{"transB", 1}, {"alpha", 0.5F}, {"beta", 2.0F}}, "first");
  m.node("MatMul", {"h", "w2"}, {"g"}, {}, "second");
  return m.node("MatMul", {"g", "w3"}, {"y"}, {}, "small");
}

TEST(QuantizeWeights, ProductsBecomeMatMulNBits) {
  const OnnxModel original = parsed(products());
  OnnxModel model = original.clone();
  const QuantizationSummary summary = value_or_throw(quantize_weights(model, {}));
  EXPECT_THAT(summary.nodes, ElementsAre("first", "second"));
  EXPECT_THAT(summary.skipped, ElementsAre("small: fewer inputs than a block"));
  EXPECT_EQ(count(model, "com.microsoft.MatMulNBits"), 2U);
  EXPECT_EQ(count(model, "Add"), 1U) << "the bias of the Gemm";
  const auto* first = node_named(model, "first");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(onnx_model::int_attribute(*first, "K", 0), 32);
  EXPECT_EQ(onnx_model::int_attribute(*first, "N", 0), 48);
  EXPECT_EQ(onnx_model::int_attribute(*first, "bits", 0), 4);
  EXPECT_EQ(onnx_model::int_attribute(*first, "block_size", 0), 32);
  EXPECT_EQ(onnx_model::int_attribute(*first, "accuracy_level", 0), 4);
  EXPECT_EQ(value_or_throw(model.signature()), value_or_throw(original.signature()));
  EXPECT_LT(model.weight_bytes(), original.weight_bytes() / 4);
}

TEST(QuantizeWeights, ExcludedNodesStay) {
  OnnxModel model = parsed(products());
  WeightOnlyOptions options;
  options.bits = 8;
  options.integer = false;
  options.exclude_patterns = {"Gemm"};
  EXPECT_THAT(value_or_throw(quantize_weights(model, options)).nodes, ElementsAre("second"));
  EXPECT_EQ(onnx_model::find_attribute(*node_named(model, "second"), "accuracy_level"), nullptr);
}

TEST(QuantizeWeights, RefusesWhatItCannotDo) {
  OnnxModel quantized = parsed(models::dynamic_int8()), model = parsed(products());
  EXPECT_EQ(quantize_weights(quantized, {}).error().kind(), ErrorKind::kUnsupported);
  WeightOnlyOptions options;
  options.bits = 3;
  EXPECT_THAT(quantize_weights(model, options).error().message(), HasSubstr("4 or 8 bits"));
  options.bits = 4;
  options.block = 20;
  EXPECT_THAT(quantize_weights(model, options).error().message(), HasSubstr("block of 16"));
}

}  // namespace
}  // namespace speedster::compressor
