#include "search/limits.h"

#include <gmock/gmock.h>

namespace speedster::search {
namespace {

using ::testing::HasSubstr;

class Limits : public ::testing::Test {
 protected:
  void SetUp() override {
    row_.model_bytes = 12345678;
    row_.peak_memory_bytes = 500000000;
    row_.load_seconds = 0.25;
    row_.latency_p99 = 0.00512;
  }
  OptimizeRequest request_;
  CandidateRow row_;
};

TEST_F(Limits, WithoutAnyNobodyIsAbove) { EXPECT_TRUE(excesses(request_, row_, true).empty()); }

TEST_F(Limits, WhoIsAtALimitHoldsIt) {
  request_.max_size_bytes = row_.model_bytes;
  request_.max_memory_bytes = row_.peak_memory_bytes;
  request_.max_load_seconds = row_.load_seconds;
  request_.max_p99_seconds = row_.latency_p99;
  EXPECT_TRUE(excesses(request_, row_, true).empty());
}

TEST_F(Limits, EachSaysHowMuchAndWhatLetsItThrough) {
  request_.max_size_bytes = 12000000;
  request_.max_memory_bytes = 400000000;
  request_.max_load_seconds = 0.2;
  request_.max_p99_seconds = 0.005;
  const auto above = excesses(request_, row_, true);
  ASSERT_EQ(above.size(), 4U);
  EXPECT_EQ(above[0].option, "--max-size");
  EXPECT_EQ(above[0].reason, "size 12.3 MB, at most 12 MB");
  EXPECT_EQ(above[0].allows, "13MB");
  EXPECT_EQ(above[1].option, "--max-memory");
  EXPECT_EQ(above[1].reason, "peak memory 500 MB, at most 400 MB");
  EXPECT_EQ(above[1].allows, "500MB");
  EXPECT_EQ(above[2].option, "--max-load-time");
  EXPECT_EQ(above[2].allows, "250ms");
  EXPECT_EQ(above[3].option, "--p99");
  EXPECT_EQ(above[3].reason, "p99 5.12 ms, at most 5 ms");
  EXPECT_EQ(above[3].allows, "5.2ms");
  EXPECT_THAT(reason_of(above), HasSubstr("at most 12 MB; peak memory"));
}

TEST_F(Limits, LoadTimeAndTailCountOnceConfirmed) {
  request_.max_load_seconds = 0.2;
  request_.max_p99_seconds = 0.005;
  EXPECT_TRUE(excesses(request_, row_, false).empty()) << "a load beside jobs tells nothing";
  row_.latency_p99.reset();
  row_.load_seconds = 0.1;
  const auto above = excesses(request_, row_, true);
  ASSERT_EQ(above.size(), 1U) << "what was not measured does not hold";
  EXPECT_THAT(above[0].reason, HasSubstr("was not measured"));
  EXPECT_EQ(above[0].allows, "");
}

}  // namespace
}  // namespace speedster::search
