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

TEST(Fallbacks, AreThoseThatLoadWhereNoneBeforeDoes) {
  Session session;
  session.machine.isa = {"avx2", "avx512_vnni"};
  std::vector<Candidate> all(5);
  const auto set = [&](std::size_t i, const char* backend, const char* precision) {
    all[i].recipe.backend = backend;
    all[i].recipe.requested_precision = precision;
  };
  set(0, "openvino", "static-int8");
  set(1, "openvino", "static-int8");
  set(2, "onnxruntime", "dynamic-int8");
  set(3, "openvino", "fp32");
  set(4, "openvino", "bf16");
  EXPECT_THAT(with_fallbacks(session, all, {0, 1, 2, 3, 4}), ::testing::ElementsAre(0, 2, 3));
  EXPECT_THAT(with_fallbacks(session, all, {3, 0, 1}), ::testing::ElementsAre(3))
      << "what runs everywhere covers the rest";
  EXPECT_TRUE(with_fallbacks(session, all, {}).empty());
}

class Front : public ::testing::Test {
 protected:
  void add(double seconds, double drop, CandidateFate fate = CandidateFate::kSlower) {
    CandidateRow row;
    row.fate = fate;
    row.latency_median = Figure{seconds, seconds, seconds};
    row.drop = Figure{drop, drop, drop};
    report_.candidates.push_back(row);
  }
  std::vector<bool> front() {
    report_.original.latency_median = Figure{10, 10, 10};
    report_.original.drop = Figure{0, 0, 0};
    mark_front(report_);
    std::vector<bool> marks;
    for (const CandidateRow& row : report_.candidates) marks.push_back(row.on_front);
    return marks;
  }
  Report report_;
};

TEST_F(Front, HoldsWhomNobodyBeats) {
  add(5, 0.001);
  add(3, 0.01);
  add(4, 0.02);
  EXPECT_THAT(front(), ::testing::ElementsAre(true, true, false));
}

TEST_F(Front, WhoFailedIsNotOnItAndPushesNobodyOff) {
  add(5, 0.001);
  add(1, 0, CandidateFate::kFailed);
  EXPECT_THAT(front(), ::testing::ElementsAre(true, false));
}

TEST_F(Front, TheOriginalBeatsWhatIsSlowerAndLossier) {
  add(11, 0.001);
  add(12, 0);
  EXPECT_THAT(front(), ::testing::ElementsAre(false, false));
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
