#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_machine.h"
#include "measure/race.h"

namespace speedster::measure {
namespace {

using ::testing::HasSubstr;

class ConfirmTest : public ::testing::Test {
 protected:
  Entrant entrant(const std::string& name, const FakeModel& model) {
    Entrant one = fake_entrant(machine_, name, model);
    one.call_seconds = model.call_seconds;
    one.load_seconds = model.load_seconds;
    return one;
  }
  Result<Confirmation> run(const Entrant& original, const std::vector<Entrant>& finalists,
                           const Deadline& deadline = {}) {
    return confirm(original, finalists, policy_, machine_.foreign(), deadline, cancel_);
  }

  FakeMachine machine_{Noise{.load_sd = 0.003, .block_sd = 0.004}, 5};
  Policy policy_ = machine_.on({});
  CancelToken cancel_;
};

TEST_F(ConfirmTest, FasterFinalistWins) {
  const auto c = run(entrant("original", {.call_seconds = 0.04}),
                     {entrant("fast", {.call_seconds = 0.02}), entrant("slow", {.call_seconds = 0.025})});
  ASSERT_TRUE(c.ok());
  ASSERT_EQ(c->rows.size(), 3U);
  EXPECT_EQ(c->winner, 0U);
  EXPECT_FALSE(c->undecided);
  EXPECT_EQ(c->rows[0].verdict, "winner");
  EXPECT_EQ(c->rows[1].verdict, "slower");
  EXPECT_EQ(c->rows[2].verdict, "slower");
  EXPECT_EQ(c->rows[2].name, "original");
  EXPECT_LE(c->rows[0].speedup.low, 2);
  EXPECT_GE(c->rows[0].speedup.high, 2);
  EXPECT_NEAR(c->rows[0].speedup.value, 2, 0.05);
  EXPECT_NEAR(c->rows[0].latency.value, 0.02, 0.0005);
  EXPECT_EQ(c->rows[2].speedup.value, 1);
  EXPECT_FALSE(c->rows[0].calls.empty());
  // Clearly apart: nobody needed all of its loads, and each had as many processes as values.
  EXPECT_EQ(c->rows[1].loads.size(), 3U);
  EXPECT_EQ(c->rows[0].loads.size(), c->rows[0].load_seconds.size());
  EXPECT_EQ(machine_.live, 0);
}

TEST_F(ConfirmTest, AmongEquivalentsTheSaferWins) {
  Entrant quick = entrant("quick", {.call_seconds = 0.02}), safe = entrant("safe", {.call_seconds = 0.0201});
  quick.drop = 0.004;
  const auto c = run(entrant("original", {.call_seconds = 0.04}), {quick, safe});
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->winner, 1U);
  EXPECT_EQ(c->rows[0].verdict, "equivalent");
  EXPECT_FALSE(c->undecided);
}

TEST_F(ConfirmTest, SaferButSlowerDoesNotWin) {
  Entrant quick = entrant("quick", {.call_seconds = 0.02}), safe = entrant("safe", {.call_seconds = 0.021});
  quick.drop = 0.004;
  const auto c = run(entrant("original", {.call_seconds = 0.04}), {quick, safe});
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->winner, 0U);
  EXPECT_EQ(c->rows[1].verdict, "slower");
}

TEST_F(ConfirmTest, NotFasterThanTheOriginalMeansTheOriginal) {
  const auto c = run(entrant("original", {.call_seconds = 0.02}),
                     {entrant("same", {.call_seconds = 0.02}), entrant("slower", {.call_seconds = 0.03})});
  ASSERT_TRUE(c.ok());
  EXPECT_FALSE(c->winner);
  EXPECT_EQ(c->rows[0].verdict, "equivalent");
  EXPECT_EQ(c->rows[1].verdict, "slower");
  EXPECT_EQ(c->rows[2].verdict, "winner");
}

TEST_F(ConfirmTest, NoiseIsSaidToBeUndecided) {
  FakeMachine noisy(Noise{.load_sd = 0.05, .block_sd = 0.05}, 3);
  const Policy policy = noisy.on({});
  const std::vector<Entrant> finalists = {fake_entrant(noisy, "a", {.call_seconds = 0.02}),
                                          fake_entrant(noisy, "b", {.call_seconds = 0.0202})};
  const auto c =
      confirm(fake_entrant(noisy, "original", {.call_seconds = 0.05}), finalists, policy, noisy.foreign(), {}, {});
  ASSERT_TRUE(c.ok());
  ASSERT_TRUE(c->winner);
  EXPECT_TRUE(c->undecided);
  EXPECT_EQ(c->rows[1 - *c->winner].verdict, "undecided");
}

TEST_F(ConfirmTest, FinalistThatFailsIsARow) {
  const auto c = run(entrant("original", {.call_seconds = 0.04}),
                     {entrant("crash", {.call_seconds = 0.01, .fails_at_block = 3}),
                      entrant("good", {.call_seconds = 0.02}), entrant("no load", {.fails_to_load = true})});
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->rows[0].verdict, "failed");
  EXPECT_EQ(c->rows[0].error->kind(), ErrorKind::kCrashed);
  EXPECT_EQ(c->rows[2].verdict, "failed");
  EXPECT_EQ(c->winner, 1U);
  EXPECT_FALSE(c->undecided);
}

TEST_F(ConfirmTest, OriginalThatFailsIsAnError) {
  const auto c = run(entrant("original", {.fails_at_block = 2}), {entrant("good", {})});
  ASSERT_FALSE(c.ok());
  EXPECT_THAT(c.error().full_message(), HasSubstr("[confirm] expected the original to run"));
}

TEST_F(ConfirmTest, OriginalAloneIsTimed) {
  const auto c = run(entrant("original", {.call_seconds = 0.04}), {});
  ASSERT_TRUE(c.ok());
  EXPECT_FALSE(c->winner);
  ASSERT_EQ(c->rows.size(), 1U);
  EXPECT_EQ(c->rows[0].loads.size(), 5U);
  EXPECT_NEAR(c->rows[0].latency.value, 0.04, 0.001);
}

TEST_F(ConfirmTest, DeadlineWithRoomForTwoLoads) {
  const double begin = machine_.now();
  const auto c = run(entrant("original", {.call_seconds = 0.04}),
                     {entrant("a", {.call_seconds = 0.02}), entrant("b", {.call_seconds = 0.0201})}, Deadline::in(4.5));
  ASSERT_TRUE(c.ok());
  EXPECT_LE(machine_.now() - begin, 4.5);
  EXPECT_EQ(c->rows[0].loads.size(), 2U);
  EXPECT_TRUE(c->winner);
  EXPECT_TRUE(c->undecided);
}

TEST_F(ConfirmTest, DeadlineWithoutRoomForAllLeavesTheSlowestOut) {
  const auto c =
      run(entrant("original", {.call_seconds = 0.04}),
          {entrant("slowest", {.call_seconds = 0.03}), entrant("fast", {.call_seconds = 0.02})}, Deadline::in(3.2));
  ASSERT_TRUE(c.ok());
  EXPECT_TRUE(c->rows[0].loads.empty());
  EXPECT_EQ(c->rows[0].verdict, "undecided");
  EXPECT_EQ(c->winner, 1U);
}

TEST_F(ConfirmTest, NoTimeForOneLoad) {
  const auto c = run(entrant("original", {}), {entrant("a", {})}, Deadline::in(0.5));
  ASSERT_FALSE(c.ok());
  EXPECT_EQ(c.error().kind(), ErrorKind::kTimeout);
}

TEST_F(ConfirmTest, CancellationKeepsWhatIsConfirmed) {
  int reports = 0;
  const auto c = confirm(entrant("original", {.call_seconds = 0.04}),
                         {entrant("a", {.call_seconds = 0.02}), entrant("b", {.call_seconds = 0.0201})}, policy_,
                         machine_.foreign(), {}, cancel_, [&](const Confirmation&) {
                           if (++reports == 2) cancel_.cancel();
                         });
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->rows[0].loads.size(), 2U);
  EXPECT_TRUE(c->winner);
  CancelToken before;
  before.cancel();
  const auto nothing = confirm(entrant("original", {}), {entrant("a", {})}, policy_, machine_.foreign(), {}, before);
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().kind(), ErrorKind::kCancelled);
}

TEST_F(ConfirmTest, FewAliveAtOnce) {
  policy_.max_live = 2;
  const auto c = run(entrant("original", {.call_seconds = 0.04}),
                     {entrant("a", {.call_seconds = 0.02}), entrant("b", {.call_seconds = 0.022}),
                      entrant("c", {.call_seconds = 0.024})});
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->winner, 0U);
  EXPECT_LE(machine_.most_live, 2);
}

TEST_F(ConfirmTest, WhatTheBudgetExcludesIsTimedButNeitherLeadsNorWins) {
  Entrant excluded = entrant("excluded", {.call_seconds = 0.01});
  excluded.may_win = false;
  const auto c = run(entrant("original", {.call_seconds = 0.04}),
                     {entrant("a", {.call_seconds = 0.02}), entrant("b", {.call_seconds = 0.0201}), excluded});
  ASSERT_TRUE(c.ok());
  ASSERT_TRUE(c->winner);
  EXPECT_LT(*c->winner, 2U);
  // The two were compared with each other to the end, not left behind by a faster one that cannot win.
  EXPECT_EQ(c->rows[1 - *c->winner].verdict, "equivalent");
  EXPECT_GE(c->rows[1].loads.size(), 5U);
  EXPECT_FALSE(c->undecided);
  EXPECT_EQ(c->rows[2].verdict, "excluded");
  EXPECT_NEAR(c->rows[2].speedup.value, 4, 0.1);
  EXPECT_LT(c->rows[2].loads.size(), 12U);
}

TEST_F(ConfirmTest, OnlyExcludedOnesLeaveTheOriginal) {
  Entrant excluded = entrant("excluded", {.call_seconds = 0.01});
  excluded.may_win = false;
  const auto c = run(entrant("original", {.call_seconds = 0.04}), {excluded});
  ASSERT_TRUE(c.ok());
  EXPECT_FALSE(c->winner);
  EXPECT_FALSE(c->undecided);
  EXPECT_EQ(c->rows[1].verdict, "winner");
}

TEST_F(ConfirmTest, CallsKeptAreBounded) {
  class Many final : public Runner {
   public:
    explicit Many(FakeMachine& machine) : machine_(machine) {}
    Result<Block> block(const BlockSpec&) override {
      machine_.pass(0.1);
      Block block;
      block.value = 0.0001;
      block.calls.assign(3000, 0.0001);
      return block;
    }

   private:
    FakeMachine& machine_;
  };
  Entrant many;
  many.name = "many calls";
  many.load = [this]() -> Result<Loaded> { return Loaded{std::make_unique<Many>(machine_), 0.1}; };
  const auto c = run(many, {});
  ASSERT_TRUE(c.ok());
  EXPECT_GE(c->rows[0].calls.size(), 300U);
  EXPECT_LE(c->rows[0].calls.size(), 10000U);
}

TEST_F(ConfirmTest, PolicyThatCannotBeKeptIsRefused) {
  policy_.max_loads = 1;
  EXPECT_EQ(run(entrant("original", {}), {}).error().kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace speedster::measure
