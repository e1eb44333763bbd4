#include "compressor/weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/models.h"

namespace speedster::compressor {
namespace {

Tensor matrix(Shape shape, const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, std::move(shape), std::span<const float>(values));
}

TEST(QuantizeWeight, EachChannelHasItsScale) {
  const auto result = quantize_weight(matrix({2, 3}, {1.27F, -0.5F, 0, 12.7F, 5, -12.7F}), 0, 8);
  ASSERT_TRUE(result.ok());
  EXPECT_FLOAT_EQ(result->scales[0], 0.01F);
  EXPECT_FLOAT_EQ(result->scales[1], 0.1F);
  const auto values = result->values.as<std::int8_t>();
  EXPECT_EQ(std::vector<std::int8_t>(values.begin(), values.end()),
            (std::vector<std::int8_t>{127, -50, 0, 127, 50, -127}));
}

TEST(QuantizeWeight, TheInnerAxisIsAChannelToo) {
  const auto result = quantize_weight(matrix({2, 2}, {1, 10, -2, 20}), 1, 8);
  ASSERT_TRUE(result.ok());
  EXPECT_FLOAT_EQ(result->scales[0], 2.0F / 127.0F);
  EXPECT_FLOAT_EQ(result->scales[1], 20.0F / 127.0F);
}

TEST(QuantizeWeight, SevenBitsStayInTheirRangeAndTheErrorIsHalfAStep) {
  const std::vector<float> values = testing::uniform(4096, 3);
  const auto result = quantize_weight(matrix({64, 64}, values), 0, 7);
  ASSERT_TRUE(result.ok());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int q = result->values.as<std::int8_t>()[i];
    const float scale = result->scales[i / 64];
    ASSERT_LE(std::abs(q), 63);
    ASSERT_LE(std::abs(static_cast<float>(q) * scale - values[i]), scale * 0.5001F);
  }
}

TEST(QuantizeWeight, ASliceOfZerosTakesTheScaleOfTheTensor) {
  const auto result = quantize_weight(matrix({2, 2}, {0, 0, 1, -1}), 0, 8);
  ASSERT_TRUE(result.ok());
  EXPECT_FLOAT_EQ(result->scales[0], 1.0F / 127.0F);
}

TEST(QuantizeWeight, ScalesAreBoundedFromBelow) {
  const std::vector<double> least{1.0, 0.0};
  const auto result = quantize_weight(matrix({2, 1}, {0.5F, 0.5F}), 0, 8, least);
  ASSERT_TRUE(result.ok());
  EXPECT_FLOAT_EQ(result->scales[0], 1.0F);
  EXPECT_FLOAT_EQ(result->scales[1], 0.5F / 127.0F);
}

TEST(QuantizeWeight, WhatCannotBeQuantizedIsRefused) {
  EXPECT_EQ(quantize_weight(matrix({1}, {NAN}), -1, 8).error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(quantize_weight(matrix({1}, {INFINITY}), 0, 8).error().kind(), ErrorKind::kBadInput);
  EXPECT_FALSE(quantize_weight(Tensor(DType::kFloat32, {0, 3}), 0, 8).ok());
  EXPECT_FALSE(quantize_weight(Tensor(DType::kInt8, {3}), 0, 8).ok());
}

TEST(Transposed, RowsBecomeColumns) {
  const Tensor result = transposed(matrix({2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(result.shape(), (Shape{3, 2}));
  const auto values = result.as<float>();
  EXPECT_EQ(std::vector<float>(values.begin(), values.end()), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

}  // namespace
}  // namespace speedster::compressor
