#include "measure/race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_machine.h"

namespace speedster::measure {
namespace {

using ::testing::HasSubstr;

class RaceTest : public ::testing::Test {
 protected:
  Entrant entrant(const std::string& name, const FakeModel& model) { return fake_entrant(machine_, name, model); }
  std::vector<Entrant> entrants(const std::vector<double>& calls) {
    std::vector<Entrant> all;
    for (std::size_t i = 0; i < calls.size(); ++i)
      all.push_back(entrant("candidate " + std::to_string(i), {.call_seconds = calls[i]}));
    return all;
  }
  Result<RaceResult> run(const Entrant& original, const std::vector<Entrant>& all, const Deadline& deadline = {}) {
    return race(original, all, policy_, machine_.foreign(), deadline, cancel_,
                [this](const RaceResult&) { ++reports_; });
  }
  static std::vector<RaceFate> fates(const RaceResult& result) {
    std::vector<RaceFate> all;
    for (const RaceRow& row : result.rows) all.push_back(row.fate);
    return all;
  }

  FakeMachine machine_{Noise{.load_sd = 0.004, .block_sd = 0.006}, 12};
  Policy policy_ = machine_.on({});
  CancelToken cancel_;
  int reports_ = 0;
};

TEST_F(RaceTest, FatesAndReasons) {
  const auto result = run(entrant("original", {.call_seconds = 0.04}), entrants({0.02, 0.0203, 0.04, 0.028}));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(fates(*result),
            (std::vector{RaceFate::kFinalist, RaceFate::kFinalist, RaceFate::kFarSlower, RaceFate::kSlower}));
  EXPECT_THAT(result->rows[2].reason, HasSubstr("times the leader after the first round"));
  EXPECT_THAT(result->rows[3].reason, HasSubstr("times the leader (bound 1."));
  EXPECT_EQ(result->rows[2].rounds, 1);
  EXPECT_EQ(result->rows[0].rounds, 4);
  EXPECT_NEAR(result->rows[0].estimate, 0.02, 0.001);
  EXPECT_NEAR(result->original_seconds, 0.04, 0.002);
  EXPECT_NEAR(result->rows[0].load_seconds, 0.4, 1e-9);
  EXPECT_GT(result->noise_floor, 0);
  EXPECT_LT(result->noise_floor, 0.05);
  EXPECT_NEAR(result->block_sd, 0.006, 0.005);
  EXPECT_FALSE(result->busy);
  EXPECT_GT(reports_, 0);
  EXPECT_EQ(machine_.live, 0);
}

TEST_F(RaceTest, ASecondBlockSavesWhoMetASlowMachineInTheFirst) {
  std::vector<Entrant> all = entrants({0.02, 0.037, 0.07});
  all.push_back(entrant("unlucky", {.call_seconds = 0.018, .slow_blocks = 1}));
  const auto result = run(entrant("original", {.call_seconds = 0.03}), all);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(fates(*result),
            (std::vector{RaceFate::kFinalist, RaceFate::kFarSlower, RaceFate::kFarSlower, RaceFate::kFinalist}));
  EXPECT_EQ(result->rows[1].rounds, 1) << "slow in both";
  EXPECT_EQ(result->rows[2].rounds, 1) << "too slow for a second block";
  EXPECT_EQ(result->rows[3].rounds, 4);
}

TEST_F(RaceTest, WhoeverLostToTheNextInLineLosesToItWhenTheFirstHasFallen) {
  const auto result = run(entrant("original", {.call_seconds = 0.026}), entrants({0.02, 0.024, 0.029, 0.0243, 0.036}));
  ASSERT_TRUE(result.ok());
  const std::vector<RaceRow>& rows = result->rows;
  EXPECT_THAT(rows[1].fate, RaceFate::kSlower);
  EXPECT_EQ(rows[2].logs.size(), static_cast<std::size_t>(rows[2].rounds));
  EXPECT_TRUE(loses_to(rows[2], rows[1], *result, policy_)) << rows[2].reason;
  EXPECT_FALSE(loses_to(rows[3], rows[1], *result, policy_)) << rows[3].reason;
  EXPECT_FALSE(loses_to(rows[1], rows[2], *result, policy_));
  EXPECT_EQ(rows[4].rounds, 1);
  EXPECT_FALSE(loses_to(rows[4], rows[1], *result, policy_)) << "one round says too little";
  RaceRow elsewhere = rows[2];
  ++elsewhere.heat;
  EXPECT_FALSE(loses_to(elsewhere, rows[1], *result, policy_)) << "they never ran in the same rounds";
}

TEST_F(RaceTest, BehindALeaderThatMayFallTheOthersAreComparedToo) {
  std::vector<Entrant> all = entrants({0.01, 0.017, 0.022, 0.04});
  all[0].may_fall = true;
  const auto result = run(entrant("original", {.call_seconds = 0.024}), all);
  ASSERT_TRUE(result.ok());
  const std::vector<RaceRow>& rows = result->rows;
  EXPECT_EQ(rows[0].fate, RaceFate::kFinalist);
  EXPECT_EQ(rows[1].rounds, 4);
  EXPECT_EQ(rows[2].rounds, 4);
  EXPECT_EQ(rows[3].rounds, 1);
  EXPECT_TRUE(loses_to(rows[2], rows[1], *result, policy_));
  all[0].may_fall = false;
  const auto sure = run(entrant("original", {.call_seconds = 0.024}), all);
  ASSERT_TRUE(sure.ok());
  EXPECT_EQ(sure->rows[1].rounds, 1);
}

TEST_F(RaceTest, AtMostFourFinalistsTheFastestByEstimate) {
  const auto result =
      run(entrant("original", {.call_seconds = 0.04}), entrants({0.0206, 0.02, 0.0202, 0.0208, 0.0204, 0.021, 0.0212}));
  ASSERT_TRUE(result.ok());
  int finalists = 0;
  for (const RaceRow& row : result->rows) finalists += row.fate == RaceFate::kFinalist;
  EXPECT_EQ(finalists, 4);
  EXPECT_EQ(result->rows[1].fate, RaceFate::kFinalist);
  EXPECT_EQ(result->rows[6].fate, RaceFate::kSlower);
}

TEST_F(RaceTest, OriginalIsALeaderToo) {
  const auto result = run(entrant("original", {.call_seconds = 0.01}), entrants({0.02, 0.03}));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(fates(*result), (std::vector{RaceFate::kFarSlower, RaceFate::kFarSlower}));
}

TEST_F(RaceTest, FailuresAreRowsAndTheOthersGoOn) {
  std::vector<Entrant> all = entrants({0.02});
  all.push_back(entrant("no load", {.fails_to_load = true}));
  all.push_back(entrant("crash", {.fails_at_block = 2}));
  const auto result = run(entrant("original", {.call_seconds = 0.03}), all);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(fates(*result), (std::vector{RaceFate::kFinalist, RaceFate::kFailed, RaceFate::kFailed}));
  EXPECT_EQ(result->rows[1].error->kind(), ErrorKind::kVendor);
  EXPECT_THAT(result->rows[2].reason, HasSubstr("signal 11"));
  EXPECT_EQ(result->rows[2].rounds, 2);
}

TEST_F(RaceTest, WithoutTheOriginalThereIsNoRace) {
  const auto loads = run(entrant("original", {.fails_to_load = true}), entrants({0.02}));
  ASSERT_FALSE(loads.ok());
  EXPECT_EQ(loads.error().kind(), ErrorKind::kVendor);
  EXPECT_THAT(loads.error().full_message(), HasSubstr("[race] expected the original to run"));
  const auto blocks = run(entrant("original", {.fails_at_block = 1}), entrants({0.02}));
  ASSERT_FALSE(blocks.ok());
  EXPECT_EQ(blocks.error().kind(), ErrorKind::kCrashed);
}

TEST_F(RaceTest, HeatsKeepFewAlive) {
  policy_.max_live = 5;
  policy_.race_seconds = 0;
  const auto result = run(entrant("original", {.call_seconds = 0.025}),
                          entrants({0.0230, 0.0226, 0.0222, 0.0218, 0.0214, 0.0210, 0.0206, 0.0202}));
  ASSERT_TRUE(result.ok());
  EXPECT_LE(machine_.most_live, 5);
  // The fastest came last: the heats before must not have closed the list.
  EXPECT_EQ(result->rows[7].fate, RaceFate::kFinalist);
  EXPECT_EQ(result->rows[6].fate, RaceFate::kFinalist);
  EXPECT_NE(result->rows[0].fate, RaceFate::kFinalist);
  for (const RaceRow& row : result->rows) EXPECT_NE(row.fate, RaceFate::kNotReached) << row.name;
}

TEST_F(RaceTest, ALeaderThatFailsInALaterHeatTakesNobodyWithIt) {
  policy_.max_live = 4;  // two selves of the original and two candidates
  bool failed_later = false;
  for (int block = 1; block <= 6; ++block) {
    std::vector<Entrant> all = {entrant("leader", {.call_seconds = 0.02, .fails_at_block = block})};
    for (Entrant& other : entrants({0.03, 0.022, 0.0221})) all.push_back(std::move(other));
    const auto result = run(entrant("original", {.call_seconds = 0.035}), all);
    ASSERT_TRUE(result.ok());
    const auto fate = fates(*result);
    std::string told;
    for (const RaceRow& row : result->rows)
      told += row.name + ": " + row.reason + " (" + std::to_string(row.rounds) + ")\n";
    EXPECT_EQ(std::count(fate.begin(), fate.end(), RaceFate::kNotReached), 0) << "at block " << block << "\n" << told;
    failed_later = failed_later || (fate[0] == RaceFate::kFailed && result->rows[0].rounds >= 2);
    if (fate[0] == RaceFate::kFailed) {
      EXPECT_EQ(fate[3], RaceFate::kFinalist) << "at block " << block;
    }
    EXPECT_EQ(machine_.live, 0);
  }
  EXPECT_TRUE(failed_later);
}

TEST_F(RaceTest, DeadlineLeavesTheLastOnesUnreached) {
  std::vector<Entrant> all = entrants(std::vector<double>(12, 0.02));
  for (Entrant& one : all) one.load_seconds = 0.4;
  const double begin = machine_.now();
  const auto result = run(entrant("original", {.call_seconds = 0.04}), all, Deadline::in(4));
  ASSERT_TRUE(result.ok());
  EXPECT_LE(machine_.now() - begin, 4);
  EXPECT_EQ(result->rows.front().fate, RaceFate::kFinalist);
  EXPECT_EQ(result->rows.back().fate, RaceFate::kNotReached);
  EXPECT_GE(result->rounds, 1);
}

TEST_F(RaceTest, NoTimeAtAll) {
  const auto result = run(entrant("original", {}), entrants({0.02}), Deadline::in(0.1));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kTimeout);
}

TEST_F(RaceTest, TimeForTheOriginalsLoadsAlone) {
  std::vector<Entrant> all = entrants({0.02});
  all[0].load_seconds = 1000;
  const auto result = run(entrant("original", {}), all, Deadline::in(100));
  ASSERT_TRUE(result.ok()) << result.error().full_message();
  EXPECT_EQ(fates(*result), std::vector{RaceFate::kNotReached});
  EXPECT_TRUE(result->cut);
}

TEST_F(RaceTest, TheOnlyContenderFailsToLoad) {
  Entrant broken = entrant("broken", {});
  broken.load = []() -> Result<Loaded> { return Error(ErrorKind::kVendor, "[vendor] cannot"); };
  const auto result = run(entrant("original", {}), {broken});
  ASSERT_TRUE(result.ok()) << result.error().full_message();
  EXPECT_EQ(fates(*result), std::vector{RaceFate::kFailed});
  EXPECT_GT(result->original_seconds, 0);
}

TEST_F(RaceTest, Cancelled) {
  const Entrant original = entrant("original", {});
  const std::vector<Entrant> all = entrants({0.02, 0.02});
  const auto result =
      race(original, all, policy_, machine_.foreign(), {}, cancel_, [this](const RaceResult&) { cancel_.cancel(); });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(machine_.live, 0);
}

TEST_F(RaceTest, NobodyToRaceAgainst) {
  const auto result = run(entrant("original", {}), {});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->rows.empty());
}

TEST_F(RaceTest, PolicyWithoutLooksIsRefused) {
  policy_.looks.clear();
  const auto result = run(entrant("original", {}), entrants({0.02}));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kUsage);
}

TEST_F(RaceTest, EightOfTwentyMillisecondsEndInTime) {
  const double begin = machine_.now();
  std::vector<Entrant> all = entrants({0.02, 0.0202, 0.0205, 0.021, 0.0215, 0.022, 0.023, 0.024});
  const Entrant original = entrant("original", {.call_seconds = 0.04});
  const auto raced = run(original, all);
  ASSERT_TRUE(raced.ok());
  std::vector<Entrant> finalists;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (raced->rows[i].fate == RaceFate::kFinalist) finalists.push_back(all[i]);
  const auto confirmed = confirm(original, finalists, policy_, machine_.foreign(), {}, {});
  ASSERT_TRUE(confirmed.ok());
  const double seconds = machine_.now() - begin;
  EXPECT_LT(seconds, 30);
  // And the estimate that holds time back in a search is of that order.
  std::vector<Cost> costs;
  for (const RaceRow& row : raced->rows) costs.push_back({row.estimate, row.load_seconds});
  const double expected = expected_seconds(policy_, {0.04, 0.4}, costs);
  EXPECT_GT(expected, seconds / 2);
  EXPECT_LT(expected, seconds * 2);
}

}  // namespace
}  // namespace speedster::measure
