#include "learner/compare.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace speedster::learner {
namespace {

/// A call that sleeps: its time does not depend on what else the processor does, but for being longer.
Call sleeping(int milliseconds, int* count = nullptr) {
  return [=]() -> Result<void> {
    if (count != nullptr) ++*count;
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return {};
  };
}

TEST(Compare, ASlowerVariantTakesMoreThanOne) {
  const auto ratio = compare(sleeping(2), sleeping(8));
  ASSERT_TRUE(ratio.ok());
  EXPECT_GT(ratio->low, 1.5);
  EXPECT_LE(ratio->low, ratio->median);
  EXPECT_LE(ratio->median, ratio->high);
  EXPECT_LT(compare(sleeping(8), sleeping(2))->high, 0.7);
}

TEST(Compare, EachRoundCallsBoth) {
  int first = 0, other = 0;
  ASSERT_TRUE(compare(sleeping(60, &first), sleeping(60, &other)).ok());
  EXPECT_EQ(first, 18);  // one call settles, one is timed
  EXPECT_EQ(other, 18);
}

TEST(Compare, AFailureIsPassedOn) {
  const Call failing = [] { return Result<void>(Error(ErrorKind::kVendor, "no")); };
  EXPECT_EQ(compare(sleeping(1), failing).error().message(), "no");
  EXPECT_EQ(median_seconds(failing).error().kind(), ErrorKind::kVendor);
}

TEST(MedianSeconds, OfTenCallsAtLeast) {
  int count = 0;
  const auto median = median_seconds(sleeping(25, &count));
  ASSERT_TRUE(median.ok());
  EXPECT_GE(*median, 0.025);
  EXPECT_GE(count, 10);
}

}  // namespace
}  // namespace speedster::learner
