#include "search/rows.h"

#include <gmock/gmock.h>

namespace speedster::search {
namespace {

std::vector<Candidate> finalists(std::initializer_list<std::pair<CandidateFate, Figure>> rows) {
  std::vector<Candidate> all(rows.size());
  std::size_t i = 0;
  for (const auto& [fate, speedup] : rows) {
    all[i].row.fate = fate;
    all[i++].row.speedup = speedup;
  }
  return all;
}

Contest contest_of(std::size_t finalists) {
  Contest contest;
  for (std::size_t i = 0; i < finalists; ++i) contest.finalists.push_back(i);
  return contest;
}

TEST(Ranking, TheWinnerComesFirstThenTheFasterOnes) {
  const auto all = finalists({{CandidateFate::kSlower, {1.5, 1.4, 1.6}},
                              {CandidateFate::kEquivalent, {2.1, 1.9, 2.2}},
                              {CandidateFate::kWinner, {2.0, 1.9, 2.1}},
                              {CandidateFate::kSlowerThanOriginal, {1.01, 0.97, 1.05}}});
  EXPECT_THAT(ranking(all, contest_of(4)), ::testing::ElementsAre(2, 1, 0));
}

TEST(Ranking, WithoutAWinnerTheOriginalIsTheAnswer) {
  const auto all = finalists({{CandidateFate::kEquivalent, {1.015, 1.01, 1.019}}});
  EXPECT_TRUE(ranking(all, contest_of(1)).empty());
}

TEST(Ranking, AWinnerStaysOneThoughItsPrintedIntervalIsWide) {
  const auto all = finalists({{CandidateFate::kWinner, {1.1, 0.999, 1.2}}});
  EXPECT_THAT(ranking(all, contest_of(1)), ::testing::ElementsAre(0));
}

TEST(Ranking, WhoIsOutIsOut) {
  auto all = finalists({{CandidateFate::kWinner, {2, 1.9, 2.1}}, {CandidateFate::kSlower, {1.5, 1.4, 1.6}}});
  all[1].out = true;
  EXPECT_THAT(ranking(all, contest_of(2)), ::testing::ElementsAre(0));
}

class Checks : public ::testing::Test {
 protected:
  Checks() {
    session_.split.search.resize(64);
    session_.budget.drop = 0.01;
    candidate_.row.ran_precision = "int8";
    candidate_.row.load_seconds = 0.25;
    candidate_.rough_seconds = 0.004;
    candidate_.reduced = true;
    candidate_.searched = accuracy::Drop{};
    candidate_.searched->value = 0.002;
    candidate_.searched->largest_l2 = 0.1;
    candidate_.searched->samples = 64;
  }
  bool restored(Candidate& into) { return restore_check(session_, check_to_json(session_, candidate_), into); }
  Session session_;
  Candidate candidate_;
};

TEST_F(Checks, SurviveTheJournal) {
  Candidate again;
  ASSERT_TRUE(restored(again));
  EXPECT_EQ(again.searched->value, 0.002);
  EXPECT_EQ(again.searched->largest_l2, 0.1);
  EXPECT_EQ(again.row.ran_precision, "int8");
  EXPECT_EQ(again.row.load_seconds, 0.25);
  EXPECT_EQ(again.rough_seconds, 0.004);
  EXPECT_TRUE(again.reduced);
}

TEST_F(Checks, WhatStoppedEarlySaysNothingAboutALargerBudget) {
  candidate_.searched->samples = 16;
  const Json json = check_to_json(session_, candidate_);
  Candidate again;
  EXPECT_TRUE(restore_check(session_, json, again));
  session_.budget.drop = 0.005;
  EXPECT_TRUE(restore_check(session_, json, again));
  session_.budget.drop = 0.02;
  EXPECT_FALSE(restore_check(session_, json, again));
  session_.budget.drop.reset();
  EXPECT_FALSE(restore_check(session_, json, again));
}

TEST_F(Checks, AnInfiniteDropStaysInfinite) {
  candidate_.searched->value = HUGE_VAL;
  Candidate again;
  ASSERT_TRUE(restored(again));
  EXPECT_EQ(again.searched->value, HUGE_VAL);
}

TEST(Confirmations, SurviveTheJournal) {
  measure::Confirmation confirmation;
  measure::ConfirmRow row;
  row.name = "a";
  row.loads = {-3.5, -3.4};
  row.speedup = {2, 1.5, 2.5};
  row.latency = {0.03, 0.02, 0.04};
  row.verdict = "winner";
  row.calls = {0.03};
  confirmation.rows = {row};
  confirmation.undecided = true;
  confirmation.cut = true;
  const auto again = confirmation_from_json(confirmation_to_json(confirmation));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(confirmation_to_json(*again), confirmation_to_json(confirmation));
  EXPECT_FALSE(confirmation_from_json(Json("rubbish")).has_value());
}

}  // namespace
}  // namespace speedster::search
