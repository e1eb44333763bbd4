#include "measure/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_machine.h"

namespace speedster::measure {
namespace {

class SweepTest : public ::testing::Test {
 protected:
  SweepEntrant entrant(const std::string& name, const FakeModel& model, int concurrency = 1) {
    return {name, fake_load(machine_, std::make_shared<FakeModel>(model)), concurrency};
  }
  Result<SweepTimes> run(const std::vector<SweepEntrant>& entrants, const Deadline& deadline = {},
                         const CancelToken& cancel = {}) {
    return sweep(entrants, 3, policy_, machine_.foreign(), deadline, cancel);
  }

  FakeMachine machine_{Noise{.load_sd = 0.005, .block_sd = 0.005}, 4};
  Policy policy_ = machine_.on({.max_live = 2});
};

TEST_F(SweepTest, EachPointWithItsCallers) {
  const auto times = run({entrant("a", {.call_seconds = 0.01}), entrant("b", {.call_seconds = 0.03}, 4),
                          entrant("c", {.call_seconds = 0.02}, 2)});
  ASSERT_TRUE(times.ok());
  ASSERT_EQ(times->rows.size(), 3U);
  EXPECT_NEAR(times->rows[0].seconds.value, 0.01, 0.0005);
  EXPECT_NEAR(times->rows[1].seconds.value, 0.03, 0.0015);
  EXPECT_LT(times->rows[2].seconds.low, times->rows[2].seconds.value);
  EXPECT_FALSE(times->rows[2].calls.empty());
  EXPECT_EQ(times->loads, 3);
  EXPECT_FALSE(times->cut);
  EXPECT_EQ(machine_.loads, 9);
  EXPECT_EQ(machine_.most_live, 2);
  EXPECT_EQ(machine_.most_callers, 4);
}

TEST_F(SweepTest, AFailureIsARowAndTheOthersGoOn) {
  const auto times =
      run({entrant("a", {}), entrant("b", {.fails_to_load = true}), entrant("c", {.fails_at_block = 1})});
  ASSERT_TRUE(times.ok());
  EXPECT_FALSE(times->rows[0].error);
  EXPECT_GT(times->rows[0].seconds.value, 0);
  ASSERT_TRUE(times->rows[1].error);
  EXPECT_EQ(times->rows[1].error->kind(), ErrorKind::kVendor);
  ASSERT_TRUE(times->rows[2].error);
  EXPECT_EQ(times->rows[2].error->kind(), ErrorKind::kCrashed);
  EXPECT_EQ(times->loads, 3);
}

TEST_F(SweepTest, AllFailuresEndIt) {
  const auto times = run({entrant("a", {.fails_to_load = true}), entrant("b", {.fails_to_load = true})});
  ASSERT_TRUE(times.ok());
  EXPECT_TRUE(times->rows[0].error && times->rows[1].error);
  EXPECT_EQ(machine_.loads, 2) << "nothing is tried again";
}

TEST_F(SweepTest, ADeadlineCutsItOrLeavesNothing) {
  const double begin = machine_.now();
  const auto cut = run({entrant("a", {}), entrant("b", {})}, Deadline::in(3));
  ASSERT_TRUE(cut.ok());
  EXPECT_TRUE(cut->cut);
  EXPECT_LT(cut->loads, 3);
  EXPECT_LE(machine_.now() - begin, 3);
  EXPECT_EQ(run({entrant("a", {}), entrant("b", {})}, Deadline::in(0.5)).error().kind(), ErrorKind::kTimeout);
}

TEST_F(SweepTest, Cancelled) {
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(run({entrant("a", {})}, {}, cancel).error().kind(), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace speedster::measure
