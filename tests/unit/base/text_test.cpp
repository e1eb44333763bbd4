#include "base/text.h"

#include <gtest/gtest.h>

namespace speedster {
namespace {

TEST(Text, SplitKeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
  EXPECT_TRUE(split("", ',').empty());
}
TEST(Text, JoinAndTrim) {
  EXPECT_EQ(join(std::vector<std::string>{"a", "b"}, ", "), "a, b");
  EXPECT_EQ(trim(" \ta b\n"), "a b");
  EXPECT_EQ(trim("  "), "");
}
TEST(Text, NumbersMustBeWhole) {
  EXPECT_EQ(parse_number<int>("12"), 12);
  EXPECT_FALSE(parse_number<int>("12x"));
  EXPECT_FALSE(parse_number<int>(""));
  EXPECT_EQ(parse_number<double>("0.5"), 0.5);
}

}  // namespace
}  // namespace speedster
