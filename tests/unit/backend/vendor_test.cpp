#include "backend/vendor.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace speedster::backend {
namespace {

using testing::HasSubstr;

const fs::path kFakes = fs::path(SPEEDSTER_BUILD_DIR) / "tests/fakes";

std::shared_ptr<const Plugin> plugin(const char* name) {
  auto found = find_plugin(name, (kFakes / "plugins").string());
  EXPECT_TRUE(found.ok());
  return std::make_shared<const Plugin>(std::move(*found));
}

fs::path built(const std::string& version) { return kFakes / ("vendor-" + version) / ("libfakevendor.so." + version); }

/// Each test has folders of its own and an environment that leads nowhere else. What one test loads stays mapped, so
/// tests copy the library: another file is another library.
class Vendor : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("vendor");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    ::setenv("SPEEDSTER_DATA_DIR", (root() / "data").c_str(), 1);
    ::setenv("HOME", (root() / "home").c_str(), 1);
    ::setenv("PATH", (root() / "bin").c_str(), 1);
    for (const char* name :
         {"VIRTUAL_ENV", "LD_LIBRARY_PATH", "SPEEDSTER_FAKEVENDOR_LIBRARY", "SPEEDSTER_FAKESINGLE_LIBRARY"})
      ::unsetenv(name);
  }
  fs::path root() const { return fs::canonical(folder_->path()); }
  fs::path put(const std::string& version, const fs::path& folder) const {
    const fs::path to = root() / folder / built(version).filename();
    fs::create_directories(to.parent_path());
    fs::copy_file(built(version), to);
    return to;
  }
  static std::string source(const std::vector<VendorLibrary>& found, const fs::path& path) {
    for (const VendorLibrary& library : found)
      if (library.path == path) return library.source;
    return "not found";
  }

 private:
  std::optional<TempDir> folder_;
};

TEST_F(Vendor, APluginWithoutOneNeedsNone) {
  const auto found = find_vendor_library(*plugin("fake"), {});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->source, "none");
  EXPECT_TRUE(found->path.empty());
}

TEST_F(Vendor, MissingSaysWhereAndHow) {
  const auto found = find_vendor_library(*plugin("fakesingle"), {});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(found.error().message(), HasSubstr("libfakevendor.so.*"));
  EXPECT_THAT(found.error().message(), HasSubstr("speedster toolchain install fakevendor"));
  EXPECT_THAT(found.error().message(), HasSubstr("SPEEDSTER_FAKESINGLE_LIBRARY"));
}

TEST_F(Vendor, PlacesComeInOrderAndTheHighestVersionFirst) {
  const fs::path site = "lib/python3.11/site-packages/fakevendor/libs";
  const fs::path packaged = put("1.2.0", "bundle");
  const fs::path old = put("1.2.0", "data/toolchains/fakevendor/venv" / site);
  const fs::path recent = put("1.10.0", "data/toolchains/fakevendor/venv" / site);
  const fs::path active = put("1.2.0", "active" / site);
  const fs::path user = put("1.2.0", "home/.local" / site);
  const fs::path on_path = put("1.2.0", site);
  ASSERT_TRUE(make_directories(root() / "bin").ok());
  ASSERT_TRUE(write_file(root() / "bin/python3", "").ok());
  ::setenv("VIRTUAL_ENV", (root() / "active").c_str(), 1);
  VendorSearch search;
  search.extra = {root() / "bundle"};
  const auto found = find_vendor_libraries(*plugin("fakesingle"), search);
  ASSERT_TRUE(found.ok()) << found.error().message();
  std::vector<std::string> order;
  for (const VendorLibrary& library : *found) order.push_back(library.source + " " + library.path.string());
  EXPECT_EQ(order, (std::vector<std::string>{"package " + packaged.string(), "toolchain " + recent.string(),
                                             "toolchain " + old.string(), "site-packages " + active.string(),
                                             "site-packages " + on_path.string(), "site-packages " + user.string()}));
}

TEST_F(Vendor, ASettingIsFinal) {
  put("1.10.0", "data/toolchains/fakevendor/venv/lib/python3.11/site-packages/fakevendor/libs");
  const fs::path chosen = put("1.2.0", "chosen");
  ::setenv("SPEEDSTER_FAKESINGLE_LIBRARY", chosen.c_str(), 1);
  auto found = find_vendor_libraries(*plugin("fakesingle"), {});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().path, chosen);
  EXPECT_EQ(found->front().source, "setting");
  VendorSearch search;
  search.setting = (root() / "missing").string();
  EXPECT_EQ(find_vendor_libraries(*plugin("fakesingle"), search).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Vendor, OpensTheFirstThatFits) {
  const fs::path site = "lib/python3.11/site-packages/fakevendor/libs";
  const fs::path unusable = put("0.0.0", "bundle");
  const fs::path fitting = put("1.2.0", "data/toolchains/fakevendor/venv" / site);
  put("1.10.0", "data/toolchains/fakevendor/venv" / site);
  VendorSearch search;
  search.extra = {root() / "bundle"};
  const auto below = [](std::string_view version) { return version == "1.10.0" ? "needs a version below 1.10" : ""; };
  auto opened = open_vendor(plugin("fakevendor"), search, {}, {}, below);
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_EQ(opened->library.path, fitting);
  EXPECT_EQ(opened->version, "1.2.0");
  ASSERT_EQ(opened->refused.size(), 2U);
  EXPECT_THAT(opened->refused[0], HasSubstr("too old to live"));
  EXPECT_THAT(opened->refused[1], HasSubstr("version 1.10.0, needs a version below 1.10"));
  static_cast<void>(unusable);
}

TEST_F(Vendor, NoneThatFitsListsEveryRefusal) {
  VendorSearch search;
  search.setting = put("0.0.0", "chosen").string();
  const auto opened = open_vendor(plugin("fakevendor"), search, {}, {});
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message(), HasSubstr("too old to live"));
}

/// In children, because what is mapped stays mapped.
TEST_F(Vendor, AMappedLibraryOfAVendorThatDoesNotCoexistEndsTheSearch) {
  const fs::path mapped = put("1.2.0", "host");
  put("1.10.0", "chosen");
  const auto in_child = [&] {
    if (::dlopen(mapped.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) std::_Exit(1);
    VendorSearch search;
    search.setting = (root() / "chosen/libfakevendor.so.1.10.0").string();
    const auto found = find_vendor_libraries(*plugin("fakesingle"), search);
    if (!found.ok() || found->size() != 1 || found->front().source != "mapped" || found->front().path != mapped)
      std::_Exit(2);
    const auto check = [](std::string_view version) { return version == "1.2.0" ? "needs at least 1.10" : ""; };
    const auto refused = open_vendor(plugin("fakesingle"), search, {}, {}, check);
    std::_Exit(refused.ok() || refused.error().kind() != ErrorKind::kVersion ? 3 : 0);
  };
  EXPECT_EXIT(in_child(), testing::ExitedWithCode(0), "");
}

TEST_F(Vendor, AMappedLibraryThatDoesNotFitIsPassedOverWhereTheVendorCoexists) {
  const fs::path mapped = put("1.2.0", "host");
  const fs::path chosen = put("1.10.0", "chosen");
  const auto in_child = [&] {
    if (::dlopen(mapped.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) std::_Exit(1);
    VendorSearch search;
    search.setting = chosen.string();
    const auto found = find_vendor_libraries(*plugin("fakevendor"), search);
    if (!found.ok() || found->size() != 2 || source(*found, mapped) != "mapped" || source(*found, chosen) != "setting")
      std::_Exit(2);
    const auto check = [](std::string_view version) { return version == "1.2.0" ? "needs at least 1.10" : ""; };
    const auto opened = open_vendor(plugin("fakevendor"), search, {}, {}, check);
    std::_Exit(opened.ok() && opened->version == "1.10.0" && opened->library.path == chosen ? 0 : 3);
  };
  EXPECT_EXIT(in_child(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace speedster::backend
