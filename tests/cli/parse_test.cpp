#include "cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace speedster::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseShapes, ReadsNamesAndSizes) {
  auto shapes = parse_shapes({"images=1x3x48x320,tokens=1x128", "t=scalar", "a=b=7"});
  ASSERT_TRUE(shapes) << shapes.error().message();
  EXPECT_EQ(shapes->shapes.at("images"), (Shape{1, 3, 48, 320}));
  EXPECT_EQ(shapes->shapes.at("tokens"), (Shape{1, 128}));
  EXPECT_EQ(shapes->shapes.at("t"), Shape{});
  EXPECT_EQ(shapes->shapes.at("a=b"), Shape{7}) << "names come from models and may hold '='";
  EXPECT_TRUE(shapes->mix.empty());
}

TEST(ParseShapes, PiecesWithSharesAreAMix) {
  const auto shapes = parse_shapes({"a@b=1x128,t=scalar@3", "a@b=1x512,t=scalar@0.5"});
  ASSERT_TRUE(shapes) << shapes.error().message();
  EXPECT_TRUE(shapes->shapes.empty());
  ASSERT_EQ(shapes->mix.size(), 2U);
  EXPECT_EQ(shapes->mix[0].shapes.at("a@b"), (Shape{1, 128})) << "names may hold '@'";
  EXPECT_EQ(shapes->mix[0].shapes.at("t"), Shape{});
  EXPECT_EQ(shapes->mix[0].share, 3);
  EXPECT_EQ(shapes->mix[1].share, 0.5);
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"a=1@1", "a=2"}, {"a=1@0"}, {"a=1@-1"}, {"a=1@nan"}, {"a=1@"}, {"a=1@x"}, {"a=1,a=2@1"}, {"@1"}, {"a@1"}})
    EXPECT_FALSE(parse_shapes(wrong)) << join(wrong, " ");
}

TEST(ParseShapes, RefusesWhatIsNoShape) {
  for (const char* text :
       {"images", "=1x3", "images=", "images=1x", "images=1xx3", "images=-1x3", "images=1.5", "images=axb",
        "images=9999999999x9999999999x9999999999", "a=1,a=2", "a=99999999999999999999"}) {
    auto shapes = parse_shapes({text});
    ASSERT_FALSE(shapes) << text;
    EXPECT_EQ(shapes.error().kind(), ErrorKind::kUsage);
    EXPECT_THAT(shapes.error().message(), HasSubstr("--shapes"));
  }
}

TEST(ParseAxes, ReadsMinOptAndMaxAndRefusesTheRest) {
  const auto axes = parse_axes({"width=80:320:1280,batch=1:8"});
  ASSERT_TRUE(axes) << axes.error().message();
  EXPECT_EQ(axes->at("width").min, 80);
  EXPECT_EQ(axes->at("width").opt, 320);
  EXPECT_EQ(axes->at("width").max, 1280);
  EXPECT_EQ(axes->at("batch").opt, 8) << "without an opt it is the largest";
  for (const char* text : {"width", "width=", "=1:2", "width=3", "width=3:2", "width=0:2", "width=1:3:2",
                           "width=1:2:3:4", "width=a:b", "width=1:2,width=1:2"})
    EXPECT_FALSE(parse_axes({text})) << text;
}

TEST(ParseRanges, ReadsBounds) {
  auto ranges = parse_ranges({"tokens=0:30522,x=-1.5:2e3"});
  ASSERT_TRUE(ranges) << ranges.error().message();
  EXPECT_EQ(ranges->at("tokens"), std::pair(0.0, 30522.0));
  EXPECT_EQ(ranges->at("x"), std::pair(-1.5, 2000.0));
}

TEST(ParseRanges, RefusesWhatIsNoRange) {
  for (const char* text :
       {"tokens", "tokens=5", "tokens=5:5", "tokens=6:5", "tokens=a:b", "tokens=0:nan", "tokens=0:inf"})
    EXPECT_FALSE(parse_ranges({text})) << text;
}

TEST(ParsePairs, KeysOnceValuesFree) {
  auto pairs = parse_pairs({"a=1,b=x=y", "c="}, "--session");
  ASSERT_TRUE(pairs);
  EXPECT_EQ(pairs->at("b"), "x=y");
  EXPECT_EQ(pairs->at("c"), "");
  EXPECT_FALSE(parse_pairs({"a=1", "a=2"}, "--session"));
  EXPECT_FALSE(parse_pairs({"a"}, "--session"));
}

TEST(ParseDuration, ReadsUnits) {
  const std::pair<const char*, double> cases[] = {
      {"60", 60},     {"60s", 60},    {"2m", 120},  {"1m30s", 90},
      {"1.5h", 5400}, {"500ms", 0.5}, {"0.5", 0.5}, {"1h2m3s4ms", 3723.004}};
  for (const auto& [text, seconds] : cases) {
    auto parsed = parse_duration(text, "--time-budget");
    ASSERT_TRUE(parsed) << text;
    EXPECT_DOUBLE_EQ(*parsed, seconds) << text;
  }
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "-5s", "5x", "5s2m", "1m1m", "1m30", "1..5s", "nan", "inf", "5 s", "1e9999"})
    EXPECT_FALSE(parse_duration(text, "--time-budget")) << text;
}

TEST(ParseBytes, ReadsUnits) {
  const std::pair<const char*, std::uint64_t> cases[] = {{"1024", 1024},           {"500M", 500'000'000},
                                                         {"1.5GB", 1'500'000'000}, {"2GiB", 2147483648},
                                                         {"10k", 10'000},          {"3B", 3}};
  for (const auto& [text, bytes] : cases) {
    auto parsed = parse_bytes(text, "--memory-limit");
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
  for (const char* text : {"", "M", "-1", "5X", "5MBB", "99999999999T", "5iB"})
    EXPECT_FALSE(parse_bytes(text, "--memory-limit")) << text;
}

TEST(ParseSwitch, OnAndOff) {
  EXPECT_EQ(*parse_switch("on", "--arena"), "1");
  EXPECT_EQ(*parse_switch("off", "--arena"), "0");
  EXPECT_FALSE(parse_switch("maybe", "--arena"));
}

std::vector<std::string> words(std::string_view text) {
  auto split = split_command(text, "--metric-command");
  EXPECT_TRUE(split) << text;
  return split ? *split : std::vector<std::string>{};
}

TEST(SplitCommand, CutsAsAShellWould) {
  EXPECT_THAT(words("python3 m.py {original} {candidate}"),
              ElementsAre("python3", "m.py", "{original}", "{candidate}"));
  EXPECT_THAT(words("  a  'b c'  \"d e\" "), ElementsAre("a", "b c", "d e"));
  EXPECT_THAT(words(R"(a\ b "c\"d" 'e\f' "g\h")"), ElementsAre("a b", "c\"d", "e\\f", "g\\h"));
  EXPECT_THAT(words("a '' b"), ElementsAre("a", "", "b"));
  EXPECT_THAT(words("a'b'\"c\""), ElementsAre("abc"));
  EXPECT_THAT(words(R"(a '$x | y' "\$z")"), ElementsAre("a", "$x | y", "$z"));
}

TEST(SplitCommand, RefusesWhatOnlyAShellUnderstands) {
  for (const char* text : {"a | b", "a > b", "a; b", "a && b", "a $HOME", "a `b`", "a \"$(b)\"", "(a)"}) {
    auto split = split_command(text, "--metric-command");
    ASSERT_FALSE(split) << text;
    EXPECT_THAT(split.error().message(), HasSubstr("no shell runs it"));
  }
  for (const char* text : {"", "  ", "a 'b", "a \"b"}) EXPECT_FALSE(split_command(text, "--metric-command")) << text;
}

TEST(ShellQuoted, ReadsBackAsTheSameWords) {
  const std::vector<std::string> nasty = {"plain", "",    "two words",   "it's", "\"q\"",
                                          "$HOME", "a;b", "back\\slash", "*"};
  EXPECT_EQ(words(shell_quoted(nasty)), nasty);
  EXPECT_EQ(shell_quoted({"speedster", "optimize", "m.onnx", "--metric-drop", "0.01"}),
            "speedster optimize m.onnx --metric-drop 0.01");
}

}  // namespace
}  // namespace speedster::cli
