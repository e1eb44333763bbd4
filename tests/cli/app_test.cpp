#include "cli/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <speedster/version.h>

#include "base/files.h"
#include "base/json.h"
#include "cli/exit_codes.h"
#include "support.h"

namespace speedster::cli {
namespace {

using cli_test::Ran;
using testing::HasSubstr;
using testing::IsEmpty;

/// A command that fails or succeeds as it is told, and one with commands of its own.
std::vector<Command> commands() {
  return {{"work", "Do something",
           [](CLI::App& app) -> Run {
             auto name = std::make_shared<std::string>();
             auto kind = std::make_shared<int>(0);
             app.add_option("name", *name);
             app.add_option("--fail-with", *kind);
             return [name, kind](Io& io) -> Result<ExitCode> {
               if (*name == "throw") throw std::runtime_error("bad luck");
               if (*kind != 0) return Error(static_cast<ErrorKind>(*kind), "[work] expected luck, got \x1b[31mnone");
               io.say("hello " + *name);
               if (io.json) io.print({{"ok", true}});
               return kOk;
             };
           }},
          {"store", "Keep things", [](CLI::App& app) -> Run {
             CLI::App* list = app.add_subcommand("list", "List them");
             return [list](Io& io) -> Result<ExitCode> {
               if (list->parsed()) io.say("two things");
               return kOk;
             };
           }}};
}

Ran run(const std::vector<std::string>& arguments) { return cli_test::run(arguments, commands()); }

TEST(App, RunsACommand) {
  const Ran ran = run({"work", "world"});
  EXPECT_EQ(ran.code, kOk);
  EXPECT_EQ(ran.out, "hello world\n");
  EXPECT_THAT(ran.err, IsEmpty());
}

TEST(App, RunsANestedCommand) { EXPECT_EQ(run({"store", "list"}).out, "two things\n"); }

TEST(App, PrintsVersionAndHelp) {
  EXPECT_EQ(run({"--version"}).out, "speedster " SPEEDSTER_VERSION_STRING "\n");
  const Ran help = run({"work", "--help"});
  EXPECT_EQ(help.code, kOk);
  EXPECT_THAT(help.out, HasSubstr("--fail-with"));
  EXPECT_THAT(help.out, HasSubstr("--json"));
  EXPECT_THAT(run({"--help"}).out, HasSubstr("store"));
}

TEST(App, TheHelpAndThePageNameEveryExitCode) {
  const std::string help = run({"--help"}).out;
  const Result<std::string> page = read_file(SPEEDSTER_SOURCE_DIR "/docs/exit-codes.md");
  ASSERT_TRUE(page.ok()) << page.error().message();
  for (const ExitCodeRow& row : kExitCodes) {
    const std::string code = std::to_string(row.code);
    EXPECT_THAT(help, HasSubstr(code + " " + row.name)) << row.meaning;
    EXPECT_THAT(*page, HasSubstr("\n| " + code + " | " + row.name + " | ")) << row.meaning;
  }
}

TEST(App, WithoutACommandShowsHelpAndFails) {
  const Ran ran = run({});
  EXPECT_EQ(ran.code, kUsage);
  EXPECT_THAT(ran.err, HasSubstr("work"));
}

TEST(App, SuggestsCommands) {
  const Ran ran = run({"wrok"});
  EXPECT_EQ(ran.code, kUsage);
  EXPECT_THAT(ran.err, HasSubstr("got \"wrok\"; try work"));
  EXPECT_THAT(run({"store", "lisst"}).err, HasSubstr("try list"));
}

TEST(App, SuggestsOptions) {
  const Ran ran = run({"work", "--fial-with", "2"});
  EXPECT_EQ(ran.code, kUsage);
  EXPECT_THAT(ran.err, HasSubstr("got --fial-with; try --fail-with"));
  EXPECT_THAT(run({"work", "--zzzzzzzzzzzzz=1"}).err, HasSubstr("try speedster work --help"));
}

TEST(App, OptionsOfTheProgramMayComeFirst) {
  const Ran ran = run({"--json", "work", "x"});
  EXPECT_EQ(ran.code, kOk) << ran.err;
  EXPECT_EQ(*parse_json(ran.out, "test"), Json({{"ok", true}}));
  EXPECT_THAT(run({"--json", "work", "--fial-with", "2"}).err, HasSubstr("got --fial-with; try --fail-with"));
  EXPECT_THAT(run({"--json", "wrok"}).err, HasSubstr("got \"wrok\"; try work"));
}

TEST(App, NamesTheHelpThatThereIs) {
  EXPECT_THAT(run({"--zzzzzzzzzzzzz"}).err,
              HasSubstr("an option of speedster, got --zzzzzzzzzzzzz; try speedster --help"));
  EXPECT_THAT(run({"store", "list", "--zzzzzzzzzzzzz"}).err, HasSubstr("try speedster store list --help"));
}

TEST(App, RefusesBadValuesAndExtraWords) {
  EXPECT_EQ(run({"work", "--fail-with", "many"}).code, kUsage);
  EXPECT_EQ(run({"work", "a", "b"}).code, kUsage);
  EXPECT_EQ(run({"work", "--color", "blue"}).code, kUsage);
}

TEST(App, EveryErrorKindHasItsExitCode) {
  const std::pair<ErrorKind, int> expected[] = {
      {ErrorKind::kUsage, 2},   {ErrorKind::kBadInput, 4},    {ErrorKind::kNotFound, 4},   {ErrorKind::kUnsupported, 5},
      {ErrorKind::kVendor, 5},  {ErrorKind::kOutOfMemory, 8}, {ErrorKind::kTimeout, 6},    {ErrorKind::kCancelled, 7},
      {ErrorKind::kCrashed, 5}, {ErrorKind::kNoSpace, 8},     {ErrorKind::kPermission, 8}, {ErrorKind::kVersion, 4},
      {ErrorKind::kCorrupt, 4}, {ErrorKind::kInternal, 1}};
  for (const auto& [kind, code] : expected) {
    const Ran ran = run({"work", "--fail-with", std::to_string(static_cast<int>(kind))});
    EXPECT_EQ(ran.code, code) << error_kind_name(kind);
    EXPECT_THAT(ran.err, HasSubstr("speedster: [work] expected luck"));
    EXPECT_THAT(ran.err, testing::Not(HasSubstr("\x1b")));
  }
}

TEST(App, ErrorsAreJsonWithJson) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"work", "--json", "--fail-with", "4"}, {"work", "--json", "--nonsense"}}) {
    const Ran ran = run(arguments);
    auto json = parse_json(ran.out, "test");
    ASSERT_TRUE(json) << ran.out;
    EXPECT_EQ((*json)["ok"], false);
    EXPECT_EQ((*json)["exit_code"], ran.code);
    EXPECT_FALSE((*json)["error"]["message"].get<std::string>().empty());
  }
}

TEST(App, WhatIsThrownIsAnErrorToo) {
  const Ran ran = run({"work", "throw", "--json"});
  EXPECT_EQ(ran.code, kInternal);
  const Json json = *parse_json(ran.out, "test");
  EXPECT_EQ(json["exit_code"], static_cast<int>(kInternal));
  EXPECT_THAT(json["error"]["message"].get<std::string>(), HasSubstr("bad luck"));
}

TEST(App, JsonSilencesText) { EXPECT_EQ(*parse_json(run({"work", "x", "--json"}).out, "test"), Json({{"ok", true}})); }

TEST(OptionNames, ListsLongOptions) {
  const auto names = option_names(commands());
  ASSERT_EQ(names.size(), 2U);
  EXPECT_THAT(names[0].second, testing::Contains("--fail-with"));
}

}  // namespace
}  // namespace speedster::cli
