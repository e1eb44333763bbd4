#include "base/clock.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace speedster {
namespace {

TEST(UtcNow, SourceDateEpochIsHonoured) {
  ::setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  EXPECT_EQ(utc_now(), "2023-11-14T22:13:20Z");
  ::setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
  EXPECT_GT(utc_now(), "2024");
  ::unsetenv("SOURCE_DATE_EPOCH");
  EXPECT_GT(utc_now(), "2024");
}

}  // namespace
}  // namespace speedster
