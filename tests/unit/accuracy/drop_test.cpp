#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "accuracy/metric.h"

namespace speedster::accuracy {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor floats(const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, {static_cast<std::int64_t>(values.size())}, values);
}

class DropTest : public testing::Test {
 protected:
  /// Adds a sample whose outputs are the same in the original and moved by these parts of themselves in the candidate.
  static Result<void> add(DropAccumulator& drops, const std::vector<float>& moved) {
    std::vector<Tensor> a, b;
    std::vector<TensorView> original, candidate;
    for (const float part : moved) {
      a.push_back(floats({3, 4}));
      b.push_back(floats({3 * (1 + part), 4 * (1 + part)}));
      original.push_back(a.back().view());
      candidate.push_back(b.back().view());
    }
    return drops.add(original, candidate, {});
  }
  std::unique_ptr<Metric> metric_ = *make_metric("relative_l2");
};

TEST_F(DropTest, MeanOverSamplesOfTheWorstOutput) {
  DropAccumulator drops(*metric_, {"small", "large"});
  for (const float part : {0.1F, 0.2F, 0.6F}) ASSERT_TRUE(add(drops, {part / 100, part}).ok());
  const Drop drop = drops.estimate(true);
  EXPECT_EQ(drop.output, "large");
  EXPECT_NEAR(drop.value, 0.3, 1e-6);
  EXPECT_NEAR(drop.relative_l2, 0.3, 1e-6);
  EXPECT_EQ(drop.samples, 3U);
  ASSERT_TRUE(drop.low && drop.high);
  EXPECT_LT(*drop.low, 0.3);
  EXPECT_GT(*drop.high, 0.3);
  EXPECT_GE(*drop.low, 0) << "no drop of this metric is below 0";
  EXPECT_FALSE(drops.estimate(false).high.has_value()) << "no interval where samples are shared";
}

TEST_F(DropTest, OneOutputAlone) {
  DropAccumulator drops(*metric_, {"small", "large"}, "small");
  ASSERT_TRUE(add(drops, {0.01F, 0.5F}).ok());
  EXPECT_NEAR(drops.estimate(true).value, 0.01, 1e-6);
  EXPECT_NEAR(drops.estimate(true).relative_l2, 0.01, 1e-6);
  EXPECT_FALSE(drops.hopeless(0.02, 0)) << "the other output does not count";
  EXPECT_FALSE(drops.estimate(true).high.has_value()) << "one sample has no interval";
  DropAccumulator unknown(*metric_, {"small", "large"}, "medium");
  EXPECT_EQ(add(unknown, {0, 0}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(add(drops, {0}).error().kind(), ErrorKind::kInternal);
}

TEST_F(DropTest, NewNanBreaksWhateverTheBudget) {
  DropAccumulator drops(*metric_, {"y"});
  const Tensor a = floats({1, 2}), b = floats({1, kNan});
  ASSERT_TRUE(drops.add({a.view()}, {b.view()}, {}).ok());
  const Drop drop = drops.estimate(true);
  EXPECT_TRUE(drop.new_non_finite);
  EXPECT_TRUE(std::isinf(drop.value));
  EXPECT_TRUE(drops.hopeless(1e9, 1000));
  EXPECT_EQ(judge(drop, {1e9, {}}), Verdict::kBreaks);
  EXPECT_TRUE(to_json(drop)["value"].is_null());
}

TEST_F(DropTest, HopelessOnlyOnceNothingCanHelp) {
  DropAccumulator drops(*metric_, {"y"});
  ASSERT_TRUE(add(drops, {0.5F}).ok());
  EXPECT_FALSE(drops.hopeless(0.1, 9)) << "nine perfect samples would make 0.05";
  EXPECT_TRUE(drops.hopeless(0.1, 3));
  EXPECT_TRUE(drops.hopeless(0, 9)) << "full precision";
  EXPECT_FALSE(drops.hopeless(0, 999)) << "999 perfect samples would make 0.0005";
}

// A candidate may be right where the original was wrong, so accuracy can come back.
TEST_F(DropTest, HopelessOfAccuracyCountsOnLuck) {
  const auto accuracy = *make_metric("accuracy");
  DropAccumulator drops(*accuracy, {"y"});
  const Tensor right = floats({0, 1}), wrong = floats({1, 0});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(drops.add({right.view()}, {wrong.view()}, {{}, "1"}).ok());
  EXPECT_FALSE(drops.hopeless(0.1, 9));
  EXPECT_TRUE(drops.hopeless(0.1, 7));
  EXPECT_EQ(drops.estimate(true).value, 1);
}

TEST_F(DropTest, Psnr) {
  DropAccumulator drops(*metric_, {"y"});
  const Tensor a = floats({1, 0, 0, 0}), b = floats({0.9F, 0, 0, 0});
  ASSERT_TRUE(drops.add({a.view()}, {b.view()}, {}).ok());
  EXPECT_NEAR(drops.estimate(false).psnr, 10 * std::log10(1 / 0.0025), 1e-4);
}

TEST_F(DropTest, SamplesWithoutANumberAreCounted) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  DropAccumulator drops(*metric_, {"y"});
  const Tensor blank = floats({nan, nan}), one = floats({1, nan}), empty = floats({});
  ASSERT_TRUE(drops.add({blank.view()}, {blank.view()}, {}).ok());
  EXPECT_EQ(drops.estimate(false).blank, 1U);
  ASSERT_TRUE(drops.add({one.view()}, {one.view()}, {}).ok());
  ASSERT_TRUE(drops.add({empty.view()}, {empty.view()}, {}).ok());
  ASSERT_TRUE(drops.add({one.view()}, {blank.view()}, {}).ok());
  const Drop drop = drops.estimate(false);
  EXPECT_EQ(drop.blank, 1U);
  EXPECT_TRUE(drop.new_non_finite);
}

TEST(Judge, EstimateBoundAndFullPrecision) {
  Drop drop;
  drop.value = 0.005;
  drop.low = 0.0;
  drop.high = 0.02;
  drop.relative_l2 = 0.5;
  EXPECT_EQ(judge(drop, {0.01, {}}), Verdict::kHoldsByEstimateOnly);
  EXPECT_EQ(judge(drop, {0.03, {}}), Verdict::kHolds);
  EXPECT_EQ(judge(drop, {0.004, {}}), Verdict::kBreaks);
  EXPECT_EQ(judge(drop, {0.01, 0.95}), Verdict::kBreaks);
  EXPECT_EQ(judge(drop, {0.02, 0.95}), Verdict::kHolds);
  EXPECT_EQ(judge(drop, {{}, {}}), Verdict::kBreaks);
  EXPECT_EQ(judge(drop, {0.0, {}}), Verdict::kBreaks);
  drop.relative_l2 = 1e-4;
  EXPECT_EQ(judge(drop, {{}, {}}), Verdict::kHolds) << "without a budget the metric is only shown";
  drop.low = drop.high = std::nullopt;
  EXPECT_EQ(judge(drop, {0.01, {}}), Verdict::kHolds);
  EXPECT_EQ(judge(drop, {0.01, 0.95}), Verdict::kBreaks) << "a bound that is not there holds nothing";
}

}  // namespace
}  // namespace speedster::accuracy
