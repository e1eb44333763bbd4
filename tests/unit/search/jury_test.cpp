#include "search/jury.h"

#include <gmock/gmock.h>

#include "base/files.h"

namespace speedster::search {
namespace {

using ::testing::HasSubstr;

class Verdicts : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("jury-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
    session_.signature.inputs.push_back({"x", DType::kFloat32, {{1}, {2}}});
    session_.signature.outputs.push_back({"y", DType::kFloat32, {{1}, {2}}});
    ASSERT_TRUE(write_file(folder_->path() / "x.npy", npy()).ok());
    use_samples(false);
    session_.budget.drop = 0.01;
    session_.request = &request_;
    candidate_.row.ran_precision = "int8";
    candidate_.reduced = true;
    candidate_.searched = drop(0.005);
    candidate_.judged = drop(0.005);
  }

  static accuracy::Drop drop(double value) {
    accuracy::Drop made;
    made.value = value;
    made.samples = 32;
    return made;
  }
  void use_samples(bool random) {
    samples::SampleOptions options;
    options.random = random;
    options.data = folder_->path() / "x.npy";
    auto store = samples::build_store(options, session_.signature, folder_->path() / (random ? "random" : "real"));
    ASSERT_TRUE(store.ok()) << store.error().full_message();
    session_.store = *store;
  }
  const std::string& reason() const { return candidate_.row.reason; }

  OptimizeRequest request_;
  Session session_;
  Candidate candidate_;

 private:
  static std::string npy() {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2)}";
    header.resize(117, ' ');
    return std::string("\x93NUMPY\1\0v\0", 10) + header + "\n" + std::string(32, '\0');
  }
  std::optional<TempDir> folder_;
};

TEST_F(Verdicts, WithinTheBudgetItRaces) { EXPECT_EQ(qualify(session_, candidate_), Standing::kContender); }

TEST_F(Verdicts, AboveALimitOnlyItsPriceCounts) {
  request_.max_memory_bytes = 1000;
  candidate_.row.peak_memory_bytes = 2000;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kOverLimit);
  EXPECT_THAT(reason(), HasSubstr("peak memory"));
  candidate_.searched = drop(0.02);
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kOverBudget) << "accuracy comes first";
}

TEST_F(Verdicts, AboveTheBudgetOnlyItsPriceCounts) {
  candidate_.searched = drop(0.02);
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kOverBudget);
  EXPECT_EQ(reason(), "drop 0.02 on the search samples, budget 0.01");
}

TEST_F(Verdicts, WithAConfidenceTheBoundDecidesAndIsShown) {
  session_.budget.confidence = 0.95;
  candidate_.searched->high = 0.011;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_THAT(reason(), HasSubstr("bound 0.011"));
  candidate_.searched->high = 0.009;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kContender);
}

TEST_F(Verdicts, WithoutABudgetFullPrecisionOnly) {
  session_.budget.drop.reset();
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kReduced);
  candidate_.reduced = false;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kContender);
  candidate_.searched->relative_l2 = 0.002;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kOverBudget);
}

TEST_F(Verdicts, NumbersThatAreNoneAreAWrongAnswer) {
  candidate_.searched->new_non_finite = true;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOut);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kFailed);
  EXPECT_TRUE(candidate_.out);
}

TEST_F(Verdicts, RandomSamplesJudgeNothingReduced) {
  use_samples(true);
  EXPECT_EQ(qualify(session_, candidate_), Standing::kOnlyPriced);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kNotJudged);
  candidate_.reduced = false;
  EXPECT_EQ(qualify(session_, candidate_), Standing::kContender);
}

TEST_F(Verdicts, WhoBreaksTheBudgetOnFreshSamplesIsOut) {
  candidate_.judged = drop(0.02);
  pass_verdict(session_, candidate_, false);
  EXPECT_TRUE(candidate_.out);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kOverBudget);
  EXPECT_THAT(reason(), HasSubstr("on the judging samples"));
}

TEST_F(Verdicts, WhoHoldsStaysAndSaysHowSureThatIs) {
  candidate_.judged->high = 0.02;
  pass_verdict(session_, candidate_, false);
  EXPECT_FALSE(candidate_.out);
  EXPECT_EQ(candidate_.row.drop_note, "held by the estimate only");
  ASSERT_TRUE(candidate_.row.drop);
  EXPECT_EQ(candidate_.row.drop->value, 0.005);
}

TEST_F(Verdicts, AFewSamplesAreSaidToBeFew) {
  candidate_.check_cut = true;
  pass_verdict(session_, candidate_, false);
  EXPECT_THAT(candidate_.row.drop_note, HasSubstr("judged on 32 samples"));
  session_.split.independent = false;
  pass_verdict(session_, candidate_, false);
  EXPECT_EQ(candidate_.row.drop_note, "not independent");
}

TEST_F(Verdicts, WhoIsOnlyPricedKeepsItsFate) {
  candidate_.row.fate = CandidateFate::kReduced;
  candidate_.row.reason = "as before";
  candidate_.judged = drop(0.5);
  pass_verdict(session_, candidate_, true);
  EXPECT_FALSE(candidate_.out);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kReduced);
  EXPECT_EQ(reason(), "as before");
}

TEST_F(Verdicts, FullPrecisionIsHeldOnTheJudgingSamplesToo) {
  session_.budget.drop.reset();
  candidate_.judged->relative_l2 = 0.01;
  pass_verdict(session_, candidate_, false);
  EXPECT_TRUE(candidate_.out);
  EXPECT_EQ(candidate_.row.fate, CandidateFate::kOverBudget);
}

}  // namespace
}  // namespace speedster::search
