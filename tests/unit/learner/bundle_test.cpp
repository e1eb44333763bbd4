#include "learner/bundle.h"

#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/digest.h"
#include "job/sanitizer.h"
#include "learner/program.h"
#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// A sanitizer's runtime has to be the first library of a program.
constexpr const char* kNoPreload = "an empty environment has no LD_PRELOAD for the sanitizer";

class Bundle : public LearnerTest {
 protected:
  /// The output of a program in an environment without anything.
  std::string output_of(std::vector<std::string> arguments, int expected_status = 0) const {
    const auto status = run_program({std::move(arguments), {}, root() / "output.txt", 60});
    EXPECT_TRUE(status.ok() && *status == expected_status);
    return read_file(root() / "output.txt").value();
  }
};

TEST_F(Bundle, RunsInAnEmptyEnvironmentWhereverItIsMoved) {
  if (job::kSanitized) GTEST_SKIP() << kNoPreload;
  const auto report = bundle(mlp(), root() / "bundle", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  EXPECT_EQ(report->backends, std::vector<std::string>{"reference"});
  EXPECT_GE(package::compare_versions(report->lowest_glibc, "2.17"), 0);
  fs::rename(root() / "bundle", root() / "moved");
  fs::remove_all(root() / "mlp.speedster");
  const std::string program = (root() / "moved/bin/run").string(), package = (root() / "moved/mlp.speedster").string();
  EXPECT_THAT(output_of({program, package}), HasSubstr("y [1, 4]:"));
  EXPECT_THAT(output_of({program}), HasSubstr("y [1, 4]:")) << "the package beside it";
  EXPECT_THAT(output_of({program, "x=/no/such.npy"}, 1), HasSubstr("[run] expected values for x"));
  fs::create_directory(root() / "moved/another.speedster");
  EXPECT_THAT(output_of({program}, 2), HasSubstr("expected one package in the folder above the program's, got 2"));
}

TEST_F(Bundle, ItsProgramPrintsNumbersOfEveryType) {
  if (job::kSanitized) GTEST_SKIP() << kNoPreload;
  using testing::OnnxType;
  testing::OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).initializer<float>("c", {2}, {300, -300}).node("Add", {"x", "c"}, {"sum"});
  const std::pair<OnnxType, const char*> types[] = {
      {OnnxType::kFloat, "300 -300"},        {OnnxType::kDouble, "300 -300"},
      {OnnxType::kFloat16, "300 -300"},      {OnnxType::kBFloat16, "300 -300"},
      {OnnxType::kInt8, "44 -44"},           {OnnxType::kInt16, "300 -300"},
      {OnnxType::kInt32, "300 -300"},        {OnnxType::kInt64, "300 -300"},
      {OnnxType::kUInt8, "44 212"},          {OnnxType::kUInt16, "300 65236"},
      {OnnxType::kUInt32, "300 4294966996"}, {OnnxType::kUInt64, "300 18446744073709551316"},
      {OnnxType::kBool, "true true"}};
  std::string expected;
  for (const auto& [type, text] : types) {
    const std::string name = "y" + std::to_string(static_cast<int>(type));
    m.node("Cast", {"sum"}, {name}, {{"to", static_cast<std::int64_t>(type)}}).output(name, type, {2});
    expected += name + " [2]: " + text + "\n";
  }
  const fs::path package = test::make_package(root() / "types.speedster", m, {{}});
  EXPECT_EQ(output_of({SPEEDSTER_BUILD_DIR "/bin/speedster-run", package.string()}), expected);
}

TEST_F(Bundle, ListsEveryFileWithItsDigest) {
  if (job::kSanitized) GTEST_SKIP() << kNoPreload;
  const auto report = bundle(mlp(), root() / "bundle", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  std::vector<std::string> listed;
  for (const BundlePart& part : report->parts) {
    if (part.file.empty()) continue;
    listed.push_back(part.file);
    EXPECT_EQ(part.sha256, sha256_file(root() / "bundle" / part.file).value()) << part.file;
    const bool ours = part.kind == "runtime" || part.kind == "plug-in" || part.kind == "program";
    EXPECT_TRUE(!ours || part.licence == "Apache-2.0") << part.file;
  }
  for (const auto& entry : fs::recursive_directory_iterator(root() / "bundle")) {
    const std::string name = entry.path().lexically_relative(root() / "bundle").string();
    if (!entry.is_regular_file() || entry.is_symlink() || name.starts_with("licenses/") || name == "README.txt" ||
        name == "sbom.spdx.json")
      continue;
    EXPECT_THAT(listed, Contains(name));
  }
  const auto sbom = parse_json(read_file(root() / "bundle/sbom.spdx.json").value(), "test");
  ASSERT_TRUE(sbom.ok());
  EXPECT_EQ((*sbom)["packages"].size(), report->parts.size());
  EXPECT_TRUE(fs::exists(root() / "bundle/licenses/speedster/LICENSE"));
}

TEST_F(Bundle, OnlyABundleIsReplaced) {
  if (job::kSanitized) GTEST_SKIP() << kNoPreload;
  const fs::path package = mlp();
  ASSERT_TRUE(bundle(package, root() / "bundle", {}).ok());
  EXPECT_TRUE(bundle(package, root() / "bundle", {}).ok());
  ASSERT_TRUE(write_file(root() / "bundle/notes.txt", "mine").ok());
  EXPECT_EQ(bundle(package, root() / "bundle", {}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(read_file(root() / "bundle/notes.txt").value(), "mine");
  fs::create_directory(root() / "other");
  ASSERT_TRUE(write_file(root() / "other/file", "precious").ok());
  EXPECT_EQ(bundle(package, root() / "other", {}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(read_file(root() / "other/file").value(), "precious");
  ASSERT_TRUE(write_file(root() / "other/sbom.spdx.json", R"({"spdxVersion": "SPDX-2.3",
      "documentNamespace": "https://example.org/app", "creationInfo": {"creators": ["Tool: syft"]}})")
                  .ok());
  EXPECT_EQ(bundle(package, root() / "other", {}).error().kind(), ErrorKind::kUsage) << "another tool's list of parts";
  EXPECT_EQ(read_file(root() / "other/file").value(), "precious");
}

TEST_F(Bundle, VariantsThatCannotRunHereAreLeftOut) {
  if (job::kSanitized) GTEST_SKIP() << kNoPreload;
  test::VariantPlan future, here;
  future.name = "future";
  future.needs.isa = {"an_isa_of_the_future"};
  here.name = "here";
  const auto report = bundle(mlp({future, here}), root() / "bundle", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  EXPECT_EQ(report->variants, std::vector<std::string>{"here"});
  BundleOptions only;
  only.load.require_variant = "future";
  const auto none = bundle(root() / "mlp.speedster", root() / "none", only);
  EXPECT_EQ(none.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(none.error().full_message(), HasSubstr("an_isa_of_the_future"));
  EXPECT_FALSE(fs::exists(root() / "none"));
}

TEST_F(Bundle, CancelledItLeavesNothing) {
  BundleOptions options;
  options.cancel.cancel();
  fs::create_directory(root() / "there");
  EXPECT_EQ(bundle(mlp(), root() / "there/out", options).error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(fs::is_empty(root() / "there"));
}

TEST_F(Bundle, ADamagedPackageIsNotBundled) {
  const fs::path package = mlp();
  ASSERT_TRUE(write_file(package / "payload/model.onnx", "damaged").ok());
  EXPECT_EQ(bundle(package, root() / "bundle", {}).error().kind(), ErrorKind::kCorrupt);
  for (const auto& entry : fs::directory_iterator(root()))
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("bundle")));
}

TEST(RunProgram, StatusSignalAndTime) {
  auto folder = TempDir::create("program");
  ASSERT_TRUE(folder.ok());
  const fs::path output = folder->path() / "out";
  EXPECT_EQ(run_program({{"/bin/sh", "-c", "echo $A; exit 3"}, {"A=x"}, output, 20}).value(), 3);
  EXPECT_EQ(read_file(output).value(), "x\n");
  EXPECT_EQ(run_program({{"/bin/sh", "-c", "kill -9 $$"}, {}, output, 20}).error().kind(), ErrorKind::kCrashed);
  EXPECT_EQ(run_program({{"/bin/sleep", "30"}, {}, output, 0.1}).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(run_program({{"/no/such/program"}, {}, output, 20}).error().kind(), ErrorKind::kNotFound);
}

/// Waits for a process that lost its parent to us, and returns the signal that ended it.
int signal_of_orphan(pid_t orphan) {
  int status = 0;
  while (::waitpid(orphan, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(RunProgram, NothingOutlivesIt) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto folder = TempDir::create("program");
  ASSERT_TRUE(folder.ok());
  const fs::path output = folder->path() / "out";
  const std::vector<std::string> environment = {"PATH=/usr/bin:/bin"};
  EXPECT_EQ(run_program({{"/bin/sh", "-c", "sleep 60 & echo $!"}, environment, output, 20}).value(), 0);
  EXPECT_EQ(signal_of_orphan(std::stoi(read_file(output).value())), SIGKILL);
}

TEST(RunProgram, DiesWithWhoStartedIt) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto folder = TempDir::create("program");
  ASSERT_TRUE(folder.ok());
  const fs::path output = folder->path() / "out";
  const pid_t starter = ::fork();
  if (starter == 0) {
    (void)run_program({{"/bin/sh", "-c", "echo $$; exec sleep 60"}, {"PATH=/usr/bin:/bin"}, output, 60});
    ::_exit(0);
  }
  std::string text;
  for (int i = 0; i < 500 && !text.ends_with('\n'); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (auto read = read_file(output)) text = *read;
  }
  ASSERT_FALSE(text.empty());
  ::kill(starter, SIGKILL);
  EXPECT_EQ(signal_of_orphan(starter), SIGKILL);
  EXPECT_EQ(signal_of_orphan(std::stoi(text)), SIGKILL);
}

}  // namespace
}  // namespace speedster::learner
