#include <sys/stat.h>

#include <future>

#include "toolchain/fixture.h"

namespace speedster::toolchain {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class Install : public ToolchainTest {
 protected:
  Environment must_install(const InstallOptions& options = {}) {
    Result<Environment> made = install("pocket", options);
    EXPECT_TRUE(made.ok()) << made.error().full_message();
    return made ? *made : Environment{};
  }
};

TEST_F(Install, MakesAnEnvironmentOnceAndAgainWhenTheLockChanges) {
  write_recipe("1.0", make_wheel("1.0"));
  EXPECT_EQ(find("pocket").error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(find("pocket").error().message(), HasSubstr("speedster toolchain install pocket"));
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_FALSE(list().front().installed);

  std::vector<std::string> lines;
  InstallOptions options;
  options.progress = [&](std::string_view line) { lines.emplace_back(line); };
  const Environment first = must_install(options);
  EXPECT_EQ(installed_version(first), "1.0");
  EXPECT_FALSE(lines.empty());
  EXPECT_EQ(first.packages, (std::map<std::string, std::string>{{"pocket", "1.0"}}));
  const Row row = list(/*with_bytes=*/true).front();
  EXPECT_TRUE(row.installed);
  EXPECT_FALSE(row.outdated);
  EXPECT_GT(row.environment.bytes, 100000U);
  EXPECT_TRUE(row.problem.empty()) << row.problem;
  const std::vector<std::string> made = environments("pocket");
  EXPECT_THAT(made, SizeIs(1));

  must_install();
  EXPECT_EQ(environments("pocket"), made) << "expected nothing to be built where the lock is the same";

  EXPECT_TRUE(check_imports(first).ok());
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(fs::canonical(first.root)))
    if (entry.path().filename() == "pocket.py") {
      fs::remove(entry.path());
      break;
    }
  const Result<void> damaged = check_imports(first);
  ASSERT_FALSE(damaged.ok());
  EXPECT_THAT(damaged.error().message(), HasSubstr("No module named 'pocket'"));
  EXPECT_THAT(damaged.error().message(), HasSubstr("try speedster toolchain install pocket"));
  EXPECT_EQ(installed_version(must_install()), "1.0") << "expected what is damaged to be built anew";
  EXPECT_NE(environments("pocket"), made);

  write_recipe("2.0", make_wheel("2.0"));
  EXPECT_TRUE(list().front().outdated);
  EXPECT_EQ(installed_version(must_install()), "2.0");
  EXPECT_THAT(environments("pocket"), SizeIs(1)) << "expected the old environment to be removed";
  EXPECT_NE(environments("pocket"), made);

  // A wheel that is not the locked one, and a package that does not work: what is there stays.
  const std::string digest = make_wheel("3.0");
  write_recipe("3.0", std::string(64, '0'));
  const Result<Environment> wrong = install("pocket");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().kind(), ErrorKind::kVendor);
  EXPECT_THAT(wrong.error().message(), HasSubstr("install.log"));
  EXPECT_THAT(wrong.error().message(), HasSubstr("HASHES"));
  write_recipe("3.0", digest, "no_such_module");
  const Result<Environment> useless = install("pocket");
  ASSERT_FALSE(useless.ok());
  EXPECT_THAT(useless.error().message(), HasSubstr("no_such_module"));
  const Result<Environment> kept = find("pocket");
  ASSERT_TRUE(kept.ok()) << kept.error().full_message();
  EXPECT_EQ(installed_version(*kept), "2.0");
  EXPECT_THAT(environments("pocket"), SizeIs(1)) << "expected a failed installation to leave nothing";

  const Result<std::uint64_t> freed = remove("pocket");
  ASSERT_TRUE(freed.ok()) << freed.error().message();
  EXPECT_GT(*freed, 100000U);
  EXPECT_FALSE(fs::exists(home("pocket")));
  EXPECT_EQ(remove("pocket").error().kind(), ErrorKind::kNotFound);
}

TEST_F(Install, CancelledLeavesNothingAndTheNextOneSweeps) {
  write_recipe("1.0", make_wheel("1.0"));
  InstallOptions options;
  options.progress = [&](std::string_view) { options.cancel.cancel(); };
  const Result<Environment> cancelled = install("pocket", options);
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().kind(), ErrorKind::kCancelled);
  EXPECT_THAT(environments("pocket"), SizeIs(0));
  EXPECT_FALSE(find("pocket").ok());

  // What a kill -9 in the middle would leave: a folder without a stamp that no link names.
  write(home("pocket") / "env-killed" / "bin" / "python", "");
  EXPECT_FALSE(find("pocket").ok());
  must_install();
  EXPECT_FALSE(fs::exists(home("pocket") / "env-killed"));
}

TEST_F(Install, TwoAtOnceBuildOnce) {
  write_recipe("1.0", make_wheel("1.0"));
  auto other = std::async(std::launch::async, [] { return install("pocket"); });
  const Result<Environment> mine = install("pocket");
  const Result<Environment> theirs = other.get();
  ASSERT_TRUE(mine.ok() && theirs.ok());
  EXPECT_EQ(fs::canonical(mine->root), fs::canonical(theirs->root));
  EXPECT_THAT(environments("pocket"), SizeIs(1));
}

TEST_F(Install, RefusesAnotherPython) {
  write_recipe("1.0", std::string(64, '0'));
  write(root() / "python-old", "#!/bin/sh\necho 3.9.2\n");
  ASSERT_EQ(::chmod((root() / "python-old").c_str(), 0755), 0);
  set("SPEEDSTER_PYTHON", (root() / "python-old").string());
  const Result<Environment> old = install("pocket");
  ASSERT_FALSE(old.ok());
  EXPECT_EQ(old.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(old.error().message(), HasSubstr("3.9.2"));
  set("SPEEDSTER_PYTHON", "no-such-python");
  EXPECT_EQ(install("pocket").error().kind(), ErrorKind::kNotFound);
}

TEST_F(Install, RemoveTakesNamesOnly) {
  write(root() / "data" / "precious", "x");
  for (const char* name : {"../precious", "..", ".", "", "/tmp"})
    EXPECT_EQ(remove(name).error().kind(), ErrorKind::kNotFound) << name;
  EXPECT_TRUE(fs::exists(root() / "data" / "precious"));
}

TEST_F(Install, CommandIsolatesTheScript) {
  Environment environment;
  environment.python = "/env/bin/python";
  Step step;
  step.script = "/recipes/shrink.py";
  EXPECT_THAT(command(environment, step, "/job"),
              ::testing::ElementsAre("/env/bin/python", "-I", "-B", "-u", "/recipes/shrink.py", "/job"));
}

}  // namespace
}  // namespace speedster::toolchain
