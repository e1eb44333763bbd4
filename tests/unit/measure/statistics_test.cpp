#include "measure/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace speedster::measure {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(Variance, OfFewValues) {
  EXPECT_EQ(variance({}).df, 0);
  EXPECT_EQ(variance(std::vector<double>{3}).df, 0);
  const Variance v = variance(std::vector<double>{1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(v.value, 5.0 / 3);
  EXPECT_DOUBLE_EQ(v.df, 3);
}

TEST(Variance, ModerationWeighsDegreesOfFreedom) {
  const Variance v = moderate({4, 2}, {1, 4});
  EXPECT_DOUBLE_EQ(v.value, 2);
  EXPECT_DOUBLE_EQ(v.df, 6);
  EXPECT_DOUBLE_EQ(moderate({}, {1, 4}).value, 1);
}

TEST(Variance, SumHasTheDegreesOfFreedomOfWelch) {
  const Variance even = sum({1, 5}, {1, 5});
  EXPECT_DOUBLE_EQ(even.value, 2);
  EXPECT_DOUBLE_EQ(even.df, 10);
  const Variance known = sum({1, 5}, {3, kInfinite});
  EXPECT_DOUBLE_EQ(known.df, 80);
}

TEST(Variance, ResidualLeavesOutRoundsAndContenders) {
  // Rounds and contenders differ much, but nothing else does.
  const std::vector<double> a = {1, 7, 3}, b = {11, 17, 13}, c = {21, 27, 23.3};
  const std::vector<std::span<const double>> same = {a, b};
  EXPECT_NEAR(residual_variance(same).value, 0, 1e-12);
  EXPECT_DOUBLE_EQ(residual_variance(same).df, 2);
  const std::vector<std::span<const double>> other = {a, b, c};
  EXPECT_GT(residual_variance(other).value, 0.001);
  EXPECT_DOUBLE_EQ(residual_variance(other).df, 4);
  EXPECT_EQ(residual_variance(std::vector<std::span<const double>>{a}).df, 0);
}

TEST(Paired, TakesOutWhatBothShare) {
  const std::vector<double> a = {1.10, 5.12, 3.11}, b = {1, 5, 3, 100};
  const Estimate e = paired(a, b, {0, 0});
  EXPECT_NEAR(e.mean, 0.11, 1e-12);
  EXPECT_NEAR(e.variance.value, 0.0001 / 3, 1e-9);
  EXPECT_DOUBLE_EQ(e.variance.df, 2);
  EXPECT_GT(e.lower(0.05), 0);
  EXPECT_NEAR(e.upper(0.05) - e.mean, e.mean - e.lower(0.05), 1e-12);
}

TEST(Paired, OnePairLeansOnTheExpectation) {
  const Estimate e = paired(std::vector<double>{0.5}, std::vector<double>{0.3}, {0.0004, 4});
  EXPECT_NEAR(e.mean, 0.2, 1e-12);
  EXPECT_NEAR(e.upper(0.05), 0.2 + 2.132 * 0.02, 1e-4);
}

TEST(Printed, IntervalHoldsTheTruthAtLeastAsOftenAsItSays) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (const int loads : {3, 5, 10}) {
    int holds = 0;
    constexpr int kTrials = 4000;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> a, b;
      for (int load = 0; load < loads; ++load) {
        a.push_back(std::log(2) + 0.03 * normal(random));
        b.push_back(0.03 * normal(random));
      }
      // The expectation is half of what is true: it must not make the interval lie.
      const Interval i = ratio_interval(a, b, {2 * 0.015 * 0.015, 4});
      holds += i.low <= 2 && 2 <= i.high;
    }
    EXPECT_GT(holds, 0.95 * kTrials) << loads;
  }
}

TEST(Printed, NothingMeasuredSaysNothing) {
  const Interval i = ratio_interval({}, {}, {});
  EXPECT_EQ(i.low, 0);
  EXPECT_EQ(i.high, kInfinite);
}

TEST(Percentile, InterpolatesBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(percentile({10, 20, 30, 40, 50}, 0.9), 46);
  EXPECT_DOUBLE_EQ(percentile({7}, 0.99), 7);
  EXPECT_DOUBLE_EQ(percentile({}, 0.5), 0);
}

TEST(PercentileInterval, OrderStatisticsOfTheMedian) {
  // For n = 10 the 2nd and 9th values hold the median with 97.9 % (David & Nagaraja 2003, table 7.1).
  std::vector<double> values(10);
  std::iota(values.begin(), values.end(), 1);
  const auto i = percentile_interval(values, 0.5);
  ASSERT_TRUE(i);
  EXPECT_EQ(i->low, 2);
  EXPECT_EQ(i->high, 9);
  EXPECT_EQ(i->value, 5.5);
}

TEST(PercentileInterval, SaysNothingWithTooFewValues) {
  EXPECT_FALSE(percentile_interval({1, 2, 3, 4, 5}, 0.5));
  EXPECT_FALSE(percentile_interval(std::vector<double>(100, 1.0), 0.99));
  EXPECT_FALSE(percentile_interval({}, 0.5));
}

TEST(PercentileInterval, HoldsThePercentile) {
  std::mt19937_64 random(5);
  std::exponential_distribution<double> calls(1);
  int holds = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(400);
    for (double& v : values) v = calls(random);
    const auto i = percentile_interval(values, 0.9);
    ASSERT_TRUE(i);
    const double truth = -std::log(0.1);
    holds += i->low <= truth && truth <= i->high;
  }
  EXPECT_GT(holds, 0.94 * kTrials);
  EXPECT_LT(holds, 0.985 * kTrials);
}

TEST(P99, NeedsThreeHundredCalls) {
  EXPECT_FALSE(p99(std::vector<double>(299, 1.0)));
  std::vector<double> calls(301);
  std::iota(calls.begin(), calls.end(), 0);
  EXPECT_DOUBLE_EQ(p99(calls).value_or(0), 297);
}

}  // namespace
}  // namespace speedster::measure
