#include "tensor/difference.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace speedster {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename T>
Tensor tensor(DType dtype, const std::vector<T>& values) {
  return Tensor::from<T>(dtype, {static_cast<std::int64_t>(values.size())}, values);
}
Tensor doubles(const std::vector<double>& values) { return tensor<double>(DType::kFloat64, values); }
Tensor floats(const std::vector<float>& values) { return tensor<float>(DType::kFloat32, values); }
Difference compare(const std::vector<double>& a, const std::vector<double>& b) {
  return difference(doubles(a).view(), doubles(b).view());
}

TEST(Difference, FiguresByHand) {
  const Difference d = compare({1, 2, 2}, {1, 2, 4});
  EXPECT_EQ(d.count, 3);
  EXPECT_NEAR(d.cosine, 13 / (3 * std::sqrt(21.0)), 1e-15);
  EXPECT_NEAR(d.relative_l2, 2.0 / 3, 1e-15);
  EXPECT_NEAR(d.mse, 4.0 / 3, 1e-15);
  EXPECT_NEAR(d.variance, 2.0 / 9, 1e-15);
  EXPECT_NEAR(d.mean_relative, 2 / (4 + 1e-5) / 3, 1e-15);
  EXPECT_EQ(d.max_abs, 2);
  EXPECT_EQ(d.peak, 2);
}

// The blocked, eight-lane sums against the plain formulas, at sizes around the block's and the lanes' edges.
TEST(Difference, AgreesWithPlainSums) {
  std::mt19937 random(7);
  std::normal_distribution<float> noise(100, 1);  // a mean far from 0: a naive variance would lose digits
  for (const std::size_t n : {1U, 7U, 8U, 9U, 2047U, 2048U, 2049U, 10007U}) {
    std::vector<float> a(n), b(n);
    double ab = 0, aa = 0, bb = 0, dd = 0, relative = 0, mean = 0, variance = 0;
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = noise(random);
      b[i] = a[i] + 0.01F * noise(random);
      const double x = a[i], y = b[i];
      ab += x * y, aa += x * x, bb += y * y, dd += (x - y) * (x - y), mean += x;
      relative += std::fabs(x - y) / (std::max(std::fabs(x), std::fabs(y)) + 1e-5);
    }
    const auto count = static_cast<double>(n);
    mean /= count;
    for (float x : a) variance += (x - mean) * (x - mean);
    const Difference d = difference(floats(a).view(), floats(b).view());
    EXPECT_NEAR(d.cosine, ab / std::sqrt(aa * bb), 1e-12) << n;
    EXPECT_NEAR(d.relative_l2, std::sqrt(dd / aa), 1e-12) << n;
    EXPECT_NEAR(d.mse, dd / count, 1e-12 * dd) << n;
    EXPECT_NEAR(d.variance, variance / count, 1e-9) << n;
    EXPECT_NEAR(d.mean_relative, relative / count, 1e-12) << n;
  }
}

TEST(Difference, ZeroVectors) {
  EXPECT_EQ(compare({0, 0}, {0, 0}).cosine, 1);
  EXPECT_EQ(compare({0, 0}, {0, 0}).relative_l2, 0);
  EXPECT_EQ(compare({0, 0}, {3, 4}).cosine, 0);
  EXPECT_EQ(compare({0, 0}, {3, 4}).relative_l2, 5);
  EXPECT_EQ(compare({3, 4}, {0, 0}).cosine, 0);
  EXPECT_EQ(compare({3, 4}, {0, 0}).relative_l2, 1);
}

TEST(Difference, EmptyAndScalar) {
  const Tensor empty(DType::kFloat32, {0, 5});
  EXPECT_EQ(difference(empty.view(), empty.view()).count, 0);
  EXPECT_EQ(difference(empty.view(), empty.view()).cosine, 1);
  Tensor scalar(DType::kFloat32, {});
  scalar.as<float>()[0] = 2;
  EXPECT_EQ(difference(scalar.view(), scalar.view()).count, 1);
}

TEST(Difference, ShapesAndKindsThatCannotCompare) {
  const Tensor a(DType::kFloat32, {2, 3}), b(DType::kFloat32, {3, 2}), c(DType::kComplex64, {2, 3});
  EXPECT_FALSE(difference(a.view(), b.view()).same_shape);
  EXPECT_FALSE(difference(a.view(), c.view()).same_shape);
}

TEST(Difference, NonFiniteAtTheSamePlacesPasses) {
  const Difference d = compare({1, kNan, kInf, -kInf, 2}, {1, kNan, kInf, -kInf, 2});
  EXPECT_FALSE(d.new_non_finite);
  EXPECT_EQ(d.count, 2);
  EXPECT_EQ(d.relative_l2, 0);
}

TEST(Difference, AnyOtherPairingIsNew) {
  for (const auto& [a, b] : std::vector<std::pair<double, double>>{
           {1, kNan}, {1, kInf}, {kInf, -kInf}, {kNan, kInf}, {kInf, kNan}, {kNan, 1}, {-kInf, 1}})
    EXPECT_TRUE(compare({1, a}, {1, b}).new_non_finite) << a << ' ' << b;
  std::vector<double> a(5000, 1.0), b(5000, 1.0);
  b.back() = kNan;
  EXPECT_TRUE(compare(a, b).new_non_finite);
}

TEST(Difference, HugeAndTinyDoublesKeepTheirRatios) {
  for (const double scale : {1e-300, 1e-200, 1e200, 1e300}) {
    const Difference d = compare({scale, 2 * scale, 2 * scale}, {scale, 2 * scale, 4 * scale});
    EXPECT_NEAR(d.cosine, 13 / (3 * std::sqrt(21.0)), 1e-14) << scale;
    EXPECT_NEAR(d.relative_l2, 2.0 / 3, 1e-14) << scale;
    EXPECT_EQ(d.peak, 2 * scale);
  }
}

TEST(Difference, DtypesMayDiffer) {
  const std::vector<std::uint16_t> half = {float_to_half(1), float_to_half(2.5F)};
  EXPECT_EQ(difference(floats({1, 2.5F}).view(), tensor<std::uint16_t>(DType::kFloat16, half).view()).max_abs, 0);
  EXPECT_EQ(difference(tensor<std::int64_t>(DType::kInt64, {-3, 7}).view(),
                       tensor<std::int32_t>(DType::kInt32, {-3, 6}).view())
                .max_abs,
            1);
}

TEST(Difference, ComplexComparesBothParts) {
  Tensor a(DType::kComplex64, {1}), b(DType::kComplex64, {1});
  a.as<float>()[0] = b.as<float>()[0] = 1;
  a.as<float>()[1] = 2;
  b.as<float>()[1] = 5;
  EXPECT_EQ(difference(a.view(), b.view()).max_abs, 3);
}

TEST(Element, EveryDtype) {
  EXPECT_EQ(element(tensor<std::uint8_t>(DType::kBool, {0, 1}).view(), 1), 1);
  EXPECT_EQ(element(tensor<std::int8_t>(DType::kInt8, {-5}).view(), 0), -5);
  EXPECT_EQ(element(tensor<std::uint8_t>(DType::kUInt8, {200}).view(), 0), 200);
  EXPECT_EQ(element(tensor<std::int16_t>(DType::kInt16, {-500}).view(), 0), -500);
  EXPECT_EQ(element(tensor<std::uint16_t>(DType::kUInt16, {50000}).view(), 0), 50000);
  EXPECT_EQ(element(tensor<std::uint32_t>(DType::kUInt32, {4000000000U}).view(), 0), 4e9);
  EXPECT_EQ(element(tensor<std::uint64_t>(DType::kUInt64, {1ULL << 63U}).view(), 0), 0x1p63);
  EXPECT_EQ(element(tensor<std::uint16_t>(DType::kBFloat16, {0x3FC0}).view(), 0), 1.5);
  // OCP 8-bit formats: 0x7E is 448 in E4M3 (the largest), 0x01 its least subnormal 2^-9; 0x7B is 57344 in E5M2.
  EXPECT_EQ(element(tensor<std::uint8_t>(DType::kFloat8E4M3FN, {0x7E}).view(), 0), 448);
  EXPECT_EQ(element(tensor<std::uint8_t>(DType::kFloat8E4M3FN, {0x81}).view(), 0), -0x1p-9);
  EXPECT_TRUE(std::isnan(element(tensor<std::uint8_t>(DType::kFloat8E4M3FN, {0xFF}).view(), 0)));
  EXPECT_EQ(element(tensor<std::uint8_t>(DType::kFloat8E5M2, {0x7B}).view(), 0), 57344);
  EXPECT_EQ(element(tensor<std::uint8_t>(DType::kFloat8E5M2, {0xFC}).view(), 0), -kInf);
  Tensor c(DType::kComplex128, {1});
  c.as<double>()[0] = 4;
  EXPECT_EQ(element(c.view(), 0), 4);
}

// Every half survives the way to float and back; NaNs stay NaNs.
TEST(Half, RoundTripOfAllBitPatterns) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    else
      EXPECT_EQ(float_to_half(value), half) << bits;
  }
}

TEST(Half, KnownValuesAndRounding) {
  EXPECT_EQ(half_to_float(0x3C00), 1.0F);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24F);
  EXPECT_EQ(half_to_float(0x7BFF), 65504.0F);
  EXPECT_EQ(half_to_float(0xFC00), -static_cast<float>(kInf));
  EXPECT_EQ(float_to_half(65519.996F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(1 + 0x1p-11F), 0x3C00) << "halfway rounds to even";
  EXPECT_EQ(float_to_half(1 + 0x3p-11F), 0x3C02) << "halfway rounds to even";
  EXPECT_EQ(float_to_half(0x1p-25F), 0x0000) << "halfway rounds to even";
  EXPECT_EQ(float_to_half(0x1.8p-25F), 0x0001);
  EXPECT_EQ(float_to_half(-0.0F), 0x8000);
}

TEST(Bfloat16, KnownValuesAndRounding) {
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1 + 0x1p-8F), 0x3F80) << "halfway rounds to even";
  EXPECT_EQ(float_to_bfloat16(1 + 0x3p-8F), 0x3F82) << "halfway rounds to even";
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001U)))));
}

}  // namespace
}  // namespace speedster
