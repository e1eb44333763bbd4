#include "measure/block_policy.h"

#include <gtest/gtest.h>

namespace speedster::measure {
namespace {

TEST(PlanBlock, SlowModelsMakeFewerCalls) {
  const BlockSpec spec;
  EXPECT_EQ(plan_block(spec, 0).calls, 10);
  EXPECT_EQ(plan_block(spec, 0.005).calls, 10);
  EXPECT_EQ(plan_block(spec, 0.05).calls, 5);
  EXPECT_EQ(plan_block(spec, 0.05).warm_calls, 3);
  EXPECT_EQ(plan_block(spec, 1).calls, 3);
  EXPECT_EQ(plan_block(spec, 1).warm_calls, 1);
  BlockSpec mixed;
  mixed.mix = std::make_shared<const std::vector<CallShape>>(7);
  EXPECT_EQ(plan_block(mixed, 1).calls, 7) << "one of each shape";
  EXPECT_EQ(plan_block(mixed, 1).slow_calls, 7);
  EXPECT_EQ(plan_block(mixed, 0.001).calls, 10);
  BlockSpec short_one;
  short_one.calls = 2;
  EXPECT_EQ(plan_block(short_one, 1).calls, 2);
}

TEST(BlockSeconds, WarmPartAndTimedPart) {
  const BlockSpec spec;
  EXPECT_NEAR(block_seconds(spec, 1e-5), 0.12, 0.001);
  EXPECT_NEAR(block_seconds(spec, 0.015), 0.045 + 0.15, 1e-9);
  EXPECT_NEAR(block_seconds(spec, 0.05), 0.15 + 0.25, 1e-9);
  EXPECT_NEAR(block_seconds(spec, 1), 4, 1e-9);
}

TEST(BlockSeconds, AnIntervalSetsThePace) {
  BlockSpec spec;
  spec.interval_seconds = 0.033;
  EXPECT_EQ(plan_block(spec, 0.001).calls, 5);
  EXPECT_NEAR(block_seconds(spec, 0.001), 0.0205 + 5 * 0.033, 1e-9);
  EXPECT_NEAR(block_seconds(spec, 0.05), 0.15 + 0.25, 1e-9) << "calls that take longer set it themselves";
}

TEST(BlocksPerLoad, DearLoadsDeserveMoreBlocks) {
  const Policy policy;
  EXPECT_EQ(best_blocks_per_load(policy, 0.05, 0.2), 1);
  EXPECT_EQ(best_blocks_per_load(policy, 0.4, 0.17), 2);
  EXPECT_EQ(best_blocks_per_load(policy, 100, 0.1), 4);
  EXPECT_EQ(best_blocks_per_load(policy, 0, 0), 1);
  Policy fixed;
  fixed.blocks_per_load = 7;
  EXPECT_EQ(best_blocks_per_load(fixed, 1, 1), 7);
}

TEST(ExpectedSeconds, GrowsWithWhatIsMeasured) {
  const Policy policy;
  const Cost original{0.04, 0.3};
  const std::vector<Cost> few = {{0.02, 0.3}, {0.02, 0.3}}, far = {{0.02, 0.3}, {0.02, 0.3}, {0.2, 0.3}};
  EXPECT_LT(expected_race_seconds(policy, original, few), expected_race_seconds(policy, original, far));
  // Far slower ones run one round only.
  EXPECT_NEAR(expected_race_seconds(policy, original, far) - expected_race_seconds(policy, original, few),
              0.3 + block_seconds(policy.block, 0.2), 1e-9);
  EXPECT_LT(expected_confirm_seconds(policy, original, few, 2), expected_confirm_seconds(policy, original, few, 5));
  EXPECT_NEAR(expected_confirm_seconds(policy, original, {}, 2), 2 * (0.3 + block_seconds(policy.block, 0.04)), 1e-9);
}

}  // namespace
}  // namespace speedster::measure
