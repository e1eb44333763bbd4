#include "reference/elements.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace speedster::reference {
namespace {

TEST(Float16, EveryPatternSurvives) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    Float16 element{static_cast<std::uint16_t>(bits)}, back;
    back.set(element.get());
    if (std::isnan(element.get()))
      EXPECT_TRUE(std::isnan(back.get()));
    else
      ASSERT_EQ(back.bits, bits) << element.get();
  }
}

TEST(BFloat16, EveryPatternSurvives) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    BFloat16 element{static_cast<std::uint16_t>(bits)}, back;
    back.set(element.get());
    if (std::isnan(element.get()))
      EXPECT_TRUE(std::isnan(back.get()));
    else
      ASSERT_EQ(back.bits, bits) << element.get();
  }
}

TEST(Float16, TiesGoToEven) {
  EXPECT_EQ(Float16::round(1 + 0x1p-11), 1.0);
  EXPECT_EQ(Float16::round(1 + 3 * 0x1p-11), 1 + 0x1p-9);
  EXPECT_EQ(Float16::round(2049), 2048);
  EXPECT_EQ(Float16::round(2051), 2052);
}

/// Through float, this value would round up to a tie and then to even: two roundings give another answer than one.
TEST(Float16, IsRoundedOnce) { EXPECT_EQ(Float16::round(1 + 0x1p-11 + 0x1p-40), 1 + 0x1p-10); }

TEST(Float16, RangeEnds) {
  EXPECT_EQ(Float16::round(65504), 65504);
  EXPECT_EQ(Float16::round(65519), 65504);
  EXPECT_TRUE(std::isinf(Float16::round(65520)));
  EXPECT_EQ(Float16::round(0x1p-24), 0x1p-24);
  EXPECT_EQ(Float16::round(0x1p-26), 0);
}

TEST(BFloat16, Rounds) {
  EXPECT_EQ(BFloat16::round(1 + 0x1p-8), 1.0);
  EXPECT_EQ(BFloat16::round(1 + 3 * 0x1p-8), 1 + 0x1p-6);
  EXPECT_TRUE(std::isinf(BFloat16::round(3.4e38)));
}

TEST(Integers, Wrap) {
  EXPECT_EQ(add<std::int64_t>(std::numeric_limits<std::int64_t>::max(), 1), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(multiply<std::int64_t>(std::int64_t{1} << 62, 4), 0);
  EXPECT_EQ(subtract<std::uint64_t>(0, 1), std::numeric_limits<std::uint64_t>::max());
}

TEST(Pool, RepeatedDemandAllocatesNothingNew) {
  Pool pool;
  const auto round = [&pool] {
    const Value small(Type::kFloat, {4}, pool), large(Type::kFloat, {400}, pool), other(Type::kFloat, {40}, pool);
    return std::set<void*>{small.data(), large.data(), other.data()};
  };
  round();
  round();
  const auto steady = round();
  EXPECT_EQ(steady.size(), 3U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(round(), steady);
}

TEST(Pool, AViewKeepsItsMemory) {
  Pool pool;
  Value view;
  {
    const Value value(Type::kFloat, {6}, pool);
    view = value.reshaped({2, 3});
  }
  const Value other(Type::kFloat, {6}, pool);
  EXPECT_NE(view.data(), other.data());
  EXPECT_EQ(view.shape(), (Shape{2, 3}));
}

TEST(Shape, BeyondTheLargestRankIsRefused) { EXPECT_THROW(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), plugin::Failure); }

}  // namespace
}  // namespace speedster::reference
