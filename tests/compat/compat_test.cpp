// Packages of earlier releases load, run and hold. data/ has one for each thing that a manifest version can say; a file
// there is never changed. A new manifest version adds its packages (tests/install/make_package.cpp writes them).
#include <gtest/gtest.h>

#include "base/files.h"
#include "learner/verify.h"

namespace speedster::learner {
namespace {

std::vector<std::string> packages() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(SPEEDSTER_SOURCE_DIR) / "tests/compat/data"))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

class OldPackage : public testing::TestWithParam<std::string> {
 protected:
  fs::path path() const { return fs::path(SPEEDSTER_SOURCE_DIR) / "tests/compat/data" / GetParam(); }
};

TEST_P(OldPackage, StillHolds) {
  Json report;
  const auto held = verify(path(), {}, &report);
  ASSERT_TRUE(held.ok()) << held.error().full_message();
  EXPECT_GT(report["samples"].get<int>(), 0);
  EXPECT_LT(report["relative_l2"].get<double>(), 1e-5);
}

TEST_P(OldPackage, ItsManifestIsOfTheVersionThatItsNameSays) {
  const auto read = package::read_manifest(path());
  ASSERT_TRUE(read.ok()) << read.error().full_message();
  EXPECT_EQ("v" + std::to_string(read->manifest.version), GetParam().substr(0, GetParam().find('-')));
}

TEST(OldPackages, EveryManifestVersionHasOne) {
  const std::vector<std::string> names = packages();
  for (int version = 1; version <= package::kManifestVersion; ++version) {
    const std::string start = "v" + std::to_string(version) + "-";
    EXPECT_TRUE(std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.starts_with(start);
    })) << start;
  }
}

INSTANTIATE_TEST_SUITE_P(Data, OldPackage, testing::ValuesIn(packages()), [](const auto& param) {
  std::string name = param.param.substr(0, param.param.find('.'));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace speedster::learner
