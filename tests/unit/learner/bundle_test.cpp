#include "learner/bundle.h"

#include <gmock/gmock.h>

#include "base/digest.h"
#include "learner/program.h"
#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Bundle : public LearnerTest {
 protected:
  /// The output of the bundle's program in an environment without anything.
  std::string output_of(const fs::path& bundle, std::vector<std::string> more = {}) const {
    Program program{
        {(bundle / "bin/run").string(), (bundle / "mlp.speedster").string()}, {}, root() / "output.txt", 60};
    program.arguments.insert(program.arguments.end(), more.begin(), more.end());
    const auto status = run_program(program);
    EXPECT_TRUE(status.ok() && *status == 0);
    return read_file(root() / "output.txt").value();
  }
};

TEST_F(Bundle, RunsInAnEmptyEnvironmentWhereverItIsMoved) {
  const auto report = bundle(mlp(), root() / "bundle", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  EXPECT_EQ(report->backends, std::vector<std::string>{"reference"});
  EXPECT_GE(package::compare_versions(report->lowest_glibc, "2.17"), 0);
  fs::rename(root() / "bundle", root() / "moved");
  fs::remove_all(root() / "mlp.speedster");
  EXPECT_THAT(output_of(root() / "moved"), HasSubstr("y [1, 4]:"));
}

TEST_F(Bundle, ListsEveryFileWithItsDigest) {
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
  const fs::path package = mlp();
  ASSERT_TRUE(bundle(package, root() / "bundle", {}).ok());
  EXPECT_TRUE(bundle(package, root() / "bundle", {}).ok());
  fs::create_directory(root() / "other");
  ASSERT_TRUE(write_file(root() / "other/file", "precious").ok());
  EXPECT_EQ(bundle(package, root() / "other", {}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(read_file(root() / "other/file").value(), "precious");
}

TEST_F(Bundle, VariantsThatCannotRunHereAreLeftOut) {
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

}  // namespace
}  // namespace speedster::learner
