#include "support/precision.h"

#include <gtest/gtest.h>

namespace speedster::plugin {
namespace {

TEST(Precision, IsUnknownWhereNothingRan) { EXPECT_EQ(PrecisionTally().verdict(), "unknown"); }

TEST(Precision, IsThatOfTheHeavyNodes) {
  PrecisionTally tally;
  tally.node("bf16", true);
  tally.node("f32", false);
  EXPECT_EQ(tally.verdict(), "bf16");
  tally.node("f32", true);
  EXPECT_EQ(tally.verdict(), "mixed");
  tally.node("int8", true);
  EXPECT_EQ(tally.verdict(), "int8");
}

TEST(Precision, IsThatOfAllNodesWhereNoneIsHeavy) {
  PrecisionTally tally;
  tally.node("f64", false);
  EXPECT_EQ(tally.verdict(), "f64");
}

TEST(Precision, CountsRoundingOnTheWay) {
  PrecisionTally tally;
  tally.node("f32", true);
  tally.rounded_to("f16");
  EXPECT_EQ(tally.verdict(), "mixed") << "full-precision products of rounded weights are reduced";
}

TEST(Precision, IntegersLoseNothing) {
  PrecisionTally tally;
  tally.node("other", false);
  EXPECT_EQ(tally.verdict(), "f32");
  tally.rounded_to("int8");
  EXPECT_EQ(tally.verdict(), "int8");
}

TEST(Precision, WritesCounts) {
  PrecisionTally tally;
  tally.node("f32", true);
  tally.node("f32", false);
  JsonWriter json;
  json.object();
  tally.write(json);
  json.end();
  EXPECT_EQ(json.text(), R"({"precision":"f32","nodes":{"f32":2}})");
}

}  // namespace
}  // namespace speedster::plugin
