#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

HostTensor bytes(const Extents& shape, const std::vector<std::uint8_t>& values) {
  return tensor<std::uint8_t>(shape, values);
}
HostTensor signed_bytes(const Extents& shape, const std::vector<std::int8_t>& values) {
  return tensor<std::int8_t>(shape, values);
}

TEST(Quantize, RoundsHalfToEvenAndSaturates) {
  const auto x = floats({6}, {0.25F, 0.75F, 1.0F, -100, 100, -0.25F});
  EXPECT_TENSOR((SingleNode{"QuantizeLinear", {x, floats({}, {0.5F}), bytes({}, {10})}, {}, {OnnxType::kUInt8}}()),
                bytes({6}, {10, 12, 12, 0, 210, 10}));
  EXPECT_TENSOR((SingleNode{"QuantizeLinear", {x, floats({}, {0.5F}), signed_bytes({}, {0})}, {}, {OnnxType::kInt8}}()),
                signed_bytes({6}, {0, 2, 2, -128, 127, 0}));
}

TEST(Quantize, PerAxis) {
  const auto x = floats({2, 2}, {1, 1, 2, 2});
  EXPECT_TENSOR((SingleNode{"QuantizeLinear",
                            {x, floats({2}, {1, 0.5F}), signed_bytes({2}, {0, 1})},
                            {{"axis", 1}},
                            {OnnxType::kInt8}}()),
                signed_bytes({2, 2}, {1, 3, 2, 5}));
  EXPECT_TENSOR((SingleNode{"DequantizeLinear",
                            {signed_bytes({2, 2}, {1, 3, 2, 5}), floats({2}, {1, 0.5F}), signed_bytes({2}, {0, 1})},
                            {{"axis", 0}}}()),
                floats({2, 2}, {1, 3, 0.5F, 2}));
  EXPECT_CODE(SP_SHAPE,
              (SingleNode{"QuantizeLinear", {x, floats({3}, {1, 1, 1})}, {{"axis", 1}}, {OnnxType::kUInt8}}.status()));
}

TEST(Quantize, Dynamic) {
  std::vector<HostTensor> results;
  SingleNode node{"DynamicQuantizeLinear",
                  {floats({3}, {-1, 0, 1.55F})},
                  {},
                  {OnnxType::kUInt8, OnnxType::kFloat, OnnxType::kUInt8}};
  ASSERT_OK(node.run(results));
  EXPECT_TENSOR(results[0], bytes({3}, {0, 100, 255}));
  EXPECT_TENSOR(results[1], floats({}, {0.01F}));
  EXPECT_TENSOR(results[2], bytes({}, {100}));
}

/// 255 * 127 + 255 * 127 saturates in 16 bits on processors without VNNI; the reference is exact.
TEST(MatMulInteger, IsExact) {
  EXPECT_TENSOR(
      (SingleNode{
          "MatMulInteger", {bytes({1, 2}, {255, 255}), signed_bytes({2, 1}, {127, 127})}, {}, {OnnxType::kInt32}}()),
      tensor<std::int32_t>({1, 1}, {64770}));
  EXPECT_TENSOR((SingleNode{"MatMulInteger",
                            {bytes({1, 2}, {11, 12}), bytes({2, 1}, {7, 8}), bytes({}, {10}), bytes({}, {5})},
                            {},
                            {OnnxType::kInt32}}()),
                tensor<std::int32_t>({1, 1}, {8}));
}

TEST(ConvInteger, PadsWithTheZeroPoint) {
  const auto input = bytes({1, 1, 1, 2}, {11, 12}), kernel = bytes({1, 1, 1, 2}, {1, 1});
  EXPECT_TENSOR(
      (SingleNode{
          "ConvInteger", {input, kernel, bytes({}, {10})}, {{"pads", Extents{0, 1, 0, 1}}}, {OnnxType::kInt32}}()),
      tensor<std::int32_t>({1, 1, 1, 3}, {1, 3, 2}));
}

}  // namespace
}  // namespace speedster::reference_test
