#include "accuracy/interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace speedster::accuracy {
namespace {

Moments moments(const std::vector<double>& values) {
  Moments m;
  for (const double value : values) m.add(value);
  return m;
}

TEST(Quantiles, OfTheNormalDistribution) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959964, 1e-6);
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-9);
}

TEST(MomentsTest, AgreeWithTwoPasses) {
  const std::vector<double> values = {1, 4, 4, 9, -3, 0.5, 1e3};
  double mean = 0, squares = 0, cubes = 0;
  for (const double v : values) mean += v / 7;
  for (const double v : values) squares += std::pow(v - mean, 2), cubes += std::pow(v - mean, 3);
  const Moments m = moments(values);
  EXPECT_NEAR(m.mean, mean, 1e-12 * mean);
  EXPECT_NEAR(m.squares, squares, 1e-12 * squares);
  EXPECT_NEAR(m.cubes, cubes, 1e-12 * cubes);
}

TEST(SkewedInterval, SymmetricValuesGiveTheTInterval) {
  const auto interval = skewed_interval(moments({1, 2, 3, 4, 5}), 0.95);
  ASSERT_TRUE(interval.has_value());
  const double half = 2.776445 * std::sqrt(2.5 / 5);
  EXPECT_NEAR(interval->first, 3 - half, 1e-5);
  EXPECT_NEAR(interval->second, 3 + half, 1e-5);
  EXPECT_FALSE(skewed_interval(moments({1}), 0.95).has_value());
  EXPECT_EQ(skewed_interval(moments({2, 2, 2}), 0.95), std::pair(2.0, 2.0));
}

// What the intervals promise, on drops as they are: a long right tail, and counts of rare disagreements.
TEST(Coverage, OfTheTrueMean) {
  std::mt19937 random(5);
  std::exponential_distribution<double> tail(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  constexpr int kRounds = 2000, kSamples = 150;
  constexpr double kLost = 0.02, kWon = 0.01;
  int skewed = 0, counted = 0;
  for (int round = 0; round < kRounds; ++round) {
    Moments drops, answers;
    for (int i = 0; i < kSamples; ++i) {
      drops.add(tail(random));
      const double u = uniform(random);
      answers.add(u < kLost ? 1 : u < kLost + kWon ? -1 : 0);
    }
    const auto a = skewed_interval(drops, 0.95);
    const auto b = counting_interval(answers, 0.95);
    skewed += a->first <= 1 && 1 <= a->second ? 1 : 0;
    counted += b->first <= kLost - kWon && kLost - kWon <= b->second ? 1 : 0;
  }
  EXPECT_GT(skewed, 0.93 * kRounds);
  EXPECT_GT(counted, 0.93 * kRounds);
  EXPECT_LT(counted, kRounds) << "as wide as anything would also cover";
}

TEST(CountingInterval, NoDisagreementIsNoCertainty) {
  const auto interval = counting_interval(moments(std::vector<double>(150, 0.0)), 0.95);
  ASSERT_TRUE(interval.has_value());
  EXPECT_NEAR(interval->second, 1.959964 / 152, 1e-6);  // z * sqrt(1 / n*) / sqrt(n*), n* = 152
  EXPECT_EQ(interval->first, -interval->second);
  EXPECT_FALSE(counting_interval({}, 0.95).has_value());
}

}  // namespace
}  // namespace speedster::accuracy
