#include "backend/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace speedster::backend {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const fs::path kPlugins = fs::path(SPEEDSTER_BUILD_DIR) / "tests/fakes/plugins";

TEST(Plugin, OpensAndDescribes) {
  auto plugin = find_plugin("fake", kPlugins.string());
  ASSERT_TRUE(plugin.ok()) << plugin.error().full_message();
  EXPECT_EQ(plugin->name(), "fake");
  EXPECT_EQ(plugin->description()["name"], "fake");
  EXPECT_TRUE(plugin->path().is_absolute());
}

TEST(Plugin, SupportsWhatTheTableHas) {
  auto plugin = find_plugin("fake", kPlugins.string());
  ASSERT_TRUE(plugin.ok());
  EXPECT_TRUE(plugin->supports(&sp_backend::execute));
  EXPECT_FALSE(plugin->supports(&sp_backend::cancel));
}

struct Wrong {
  const char* plugin;
  const char* field;
};
class WrongPlugin : public testing::TestWithParam<Wrong> {};

TEST_P(WrongPlugin, IsRefusedByTheFieldThatDiffers) {
  auto plugin = find_plugin(GetParam().plugin, kPlugins.string());
  ASSERT_FALSE(plugin.ok());
  EXPECT_EQ(plugin.error().kind(), ErrorKind::kVersion);
  EXPECT_THAT(plugin.error().message(), AllOf(HasSubstr(GetParam().field), HasSubstr("[backend] expected")));
}

INSTANTIATE_TEST_SUITE_P(Fields, WrongPlugin,
                         testing::Values(Wrong{"fakemajor", "abi_major 1"}, Wrong{"fakeshort", "size"},
                                         Wrong{"fakename", "name \"fakename\""}, Wrong{"fakenull", "execute"},
                                         Wrong{"fakesymbol", "speedster_backend_v1"}),
                         [](const auto& param) { return std::string(param.param.plugin); });

TEST(Plugin, WhatIsNoLibraryIsRefused) {
  auto folder = TempDir::create("plugins");
  ASSERT_TRUE(folder.ok());
  const fs::path file = folder->path() / "libspeedster_backend_text.so";
  ASSERT_TRUE(write_file(file, "no ELF").ok());
  EXPECT_EQ(Plugin::open(file).error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(Plugin::open(folder->path() / "libspeedster_backend_none.so").error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(Plugin::open("/lib/other.so").error().kind(), ErrorKind::kBadInput);
}

TEST(FindPlugin, NamesAreNotPaths) {
  for (const char* name : {"", "../fake", "Fake", "fake/../fake", "fa ke"})
    EXPECT_EQ(find_plugin(name, kPlugins.string()).error().kind(), ErrorKind::kBadInput) << name;
}

TEST(FindPlugin, SaysWhatIsThere) {
  const auto missing = find_plugin("missing", kPlugins.string());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(missing.error().message(), AllOf(HasSubstr(kPlugins.string()), HasSubstr("fakevendor")));
}

TEST(FindPlugin, FoldersAreSearchedInOrder) {
  auto first = TempDir::create("plugins");
  ASSERT_TRUE(first.ok());
  const std::string both = first->path().string() + ":" + kPlugins.string();
  EXPECT_TRUE(find_plugin("fake", both).ok());
  fs::copy_file(kPlugins / "libspeedster_backend_fake.so", first->path() / "libspeedster_backend_fake.so");
  EXPECT_EQ(find_plugin("fake", both)->path().parent_path(), fs::canonical(first->path()));
}

TEST(FindPlugin, TheVariableNamesFolders) {
  ::setenv("SPEEDSTER_BACKEND_PATH", kPlugins.c_str(), 1);
  EXPECT_THAT(list_plugins(), AllOf(Contains("fake"), Contains("fakevendor"), Not(Contains("other"))));
  ::unsetenv("SPEEDSTER_BACKEND_PATH");
  // This test lies in BUILD/tests, the plug-ins in BUILD/lib/speedster/backends.
  EXPECT_THAT(plugin_folders(), Contains(fs::canonical(SPEEDSTER_BUILD_DIR) / "lib/speedster/backends"));
}

TEST(OptionsOfScope, SplitsAndListsTheKnown) {
  auto plugin = find_plugin("fake", kPlugins.string());
  ASSERT_TRUE(plugin.ok());
  const Options options = {{"trace", "1"}, {"threads", "2"}, {"seed", "3"}};
  EXPECT_EQ(options_of_scope(*plugin, options, "open").value(), (Options{{"trace", "1"}}));
  EXPECT_EQ(options_of_scope(*plugin, options, "load").value(), (Options{{"trace", "1"}, {"threads", "2"}}));
  EXPECT_EQ(options_of_scope(*plugin, options, "context").value(), (Options{{"seed", "3"}}));
  const auto unknown = options_of_scope(*plugin, {{"treads", "2"}}, "load");
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(unknown.error().message(),
              AllOf(HasSubstr("\"treads\""), HasSubstr("library, trace, threads, folder, cache_dir, seed")));
}

TEST(Options, WhatIsDeclaredAndForWhom) {
  auto plugin = find_plugin("fake", kPlugins.string());
  ASSERT_TRUE(plugin.ok());
  EXPECT_TRUE(declares(*plugin, "threads"));
  EXPECT_FALSE(declares(*plugin, "contexts"));
  EXPECT_TRUE(caller_only(*plugin, "folder"));
  EXPECT_TRUE(caller_only(*plugin, "library"));
  EXPECT_FALSE(caller_only(*plugin, "threads"));
  EXPECT_FALSE(caller_only(*plugin, "contexts"));
}

TEST(TakeError, KeepsCodeKindAndPrefix) {
  EXPECT_TRUE(take_error(nullptr, "who").ok());
  static int released;
  released = 0;
  sp_error raw{sizeof(sp_error), SP_VENDOR, 7, "it broke", [](sp_error*) { ++released; }};
  const auto error = take_error(&raw, "backend/x");
  EXPECT_EQ(error.error().message(), "[backend/x] it broke");
  EXPECT_EQ(error.error().kind(), ErrorKind::kVendor);
  EXPECT_EQ(error.error().vendor_code(), 7);
  EXPECT_EQ(released, 1);
  raw.message = "[x] already said who";
  raw.code = 99;
  EXPECT_EQ(take_error(&raw, "backend/x").error().message(), "[x] already said who");
  EXPECT_EQ(take_error(&raw, "backend/x").error().kind(), ErrorKind::kInternal);
}

}  // namespace
}  // namespace speedster::backend
