#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_machine.h"
#include "measure/race.h"

namespace speedster::measure {
namespace {

class CompareTest : public ::testing::Test {
 protected:
  Load load(const FakeModel& model) { return fake_load(machine_, std::make_shared<FakeModel>(model)); }

  FakeMachine machine_{Noise{.load_sd = 0.005, .block_sd = 0.005}, 9};
  Policy policy_ = machine_.on({});
};

TEST_F(CompareTest, SpeedupIsTheSecondOverTheFirst) {
  const auto c =
      compare(load({.call_seconds = 0.01}), load({.call_seconds = 0.03}), policy_, machine_.foreign(), {}, {});
  ASSERT_TRUE(c.ok());
  EXPECT_NEAR(c->speedup.value, 3, 0.1);
  EXPECT_LT(c->speedup.low, 3);
  EXPECT_GT(c->speedup.high, 3);
  EXPECT_NEAR(c->first_seconds.value, 0.01, 0.0005);
  EXPECT_NEAR(c->second_seconds.value, 0.03, 0.0015);
  EXPECT_EQ(c->loads, policy_.compare_loads);
  EXPECT_EQ(machine_.loads, 2 * policy_.compare_loads);
  EXPECT_EQ(machine_.live, 0);
  EXPECT_FALSE(c->first_calls.empty());
}

TEST_F(CompareTest, DeadlineShortensIt) {
  const double begin = machine_.now();
  const auto c = compare(load({}), load({}), policy_, machine_.foreign(), Deadline::in(5), {});
  ASSERT_TRUE(c.ok());
  EXPECT_LE(machine_.now() - begin, 5);
  EXPECT_GE(c->loads, 2);
  EXPECT_LT(c->loads, policy_.compare_loads);
}

TEST_F(CompareTest, TooLittleTimeIsSaid) {
  const auto c = compare(load({}), load({}), policy_, machine_.foreign(), Deadline::in(1.6), {});
  ASSERT_FALSE(c.ok());
  EXPECT_EQ(c.error().kind(), ErrorKind::kTimeout);
}

TEST_F(CompareTest, FailureNamesTheSide) {
  const auto c = compare(load({}), load({.fails_at_block = 1}), policy_, machine_.foreign(), {}, {});
  ASSERT_FALSE(c.ok());
  EXPECT_EQ(c.error().kind(), ErrorKind::kCrashed);
  EXPECT_THAT(c.error().full_message(), ::testing::HasSubstr("[bench] expected the second to run"));
}

TEST_F(CompareTest, Cancelled) {
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(compare(load({}), load({}), policy_, machine_.foreign(), {}, cancel).error().kind(), ErrorKind::kCancelled);
}

TEST_F(CompareTest, BusyMachineIsFlagged) {
  FakeMachine shared(Noise{.load_sd = 0.01, .block_sd = 0.05, .always_foreign = 0.5}, 2);
  const Load copy = fake_load(shared, std::make_shared<FakeModel>());
  const auto c = compare(copy, copy, shared.on({}), shared.foreign(), {}, {});
  ASSERT_TRUE(c.ok());
  EXPECT_TRUE(c->busy);
  EXPECT_GT(c->dropped_rounds, 0);
}

}  // namespace
}  // namespace speedster::measure
