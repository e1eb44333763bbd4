#include "learner/sbom.h"

#include <gmock/gmock.h>

#include "base/files.h"

namespace speedster::learner {
namespace {

using ::testing::ElementsAre;

class OwnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("owner");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    site_ = folder_->path() / "venv/lib/python3.11/site-packages";
  }
  void put(const std::string& path, const std::string& content) const {
    fs::create_directories((site_ / path).parent_path());
    ASSERT_TRUE(write_file(site_ / path, content).ok());
  }
  std::vector<std::string> names(const std::vector<fs::path>& files) const {
    std::vector<std::string> out;
    for (const fs::path& file : files) out.push_back(file.lexically_relative(site_).string());
    return out;
  }
  fs::path site_;

 private:
  std::optional<TempDir> folder_;
};

TEST_F(OwnerTest, TheWheelWhoseRecordHasTheFile) {
  put("other-2.0.dist-info/RECORD", "other/libs/libother.so,sha256=x,1\n");
  put("other-2.0.dist-info/METADATA", "Name: other\nVersion: 2.0\n");
  put("vendor-1.5.dist-info/RECORD", "vendor/__init__.py,sha256=x,1\nvendor/libs/libvendor.so.1,sha256=y,2\n");
  put("vendor-1.5.dist-info/METADATA",
      "Metadata-Version: 2.4\nName: vendor\nVersion: 1.5\nLicense-Expression: Apache-2.0\n\nVersion: 9 is text\n");
  put("vendor-1.5.dist-info/licenses/third/NOTICE.txt", "n");
  put("vendor-1.5.dist-info/LICENSE", "l");
  put("vendor/ThirdPartyNotices.txt", "t");
  put("vendor/other.txt", "o");
  put("vendor/libs/libvendor.so.1", "so");
  const auto owner = wheel_owner(site_ / "vendor/libs/libvendor.so.1");
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->name, "vendor");
  EXPECT_EQ(owner->version, "1.5");
  EXPECT_EQ(owner->licence, "Apache-2.0");
  EXPECT_THAT(names(owner->licence_files),
              ElementsAre("vendor-1.5.dist-info/LICENSE", "vendor-1.5.dist-info/licenses/third/NOTICE.txt",
                          "vendor/ThirdPartyNotices.txt"));
  EXPECT_FALSE(wheel_owner(site_ / "vendor/libs/libvendor.so"));
  EXPECT_FALSE(wheel_owner("/usr/lib/libvendor.so"));
}

TEST_F(OwnerTest, OlderWaysOfSayingTheLicence) {
  const std::pair<const char*, const char*> cases[] = {
      {"License: MIT License", "MIT"},
      {"Classifier: License :: OSI Approved :: Apache Software License", "Apache-2.0"},
      {"Classifier: License :: OSI Approved :: BSD License", ""},
      {"License: see the file", ""}};
  put("v-1.dist-info/RECORD", "v/l.so,,\n");
  for (const auto& [line, licence] : cases) {
    put("v-1.dist-info/METADATA", std::string("Name: v\nVersion: 1\n") + line + "\n\ntext");
    EXPECT_EQ(wheel_owner(site_ / "v/l.so")->licence, licence) << line;
  }
}

TEST(DebianOwner, ByTheDatabaseOfDpkg) {
  auto made = TempDir::create("dpkg");
  ASSERT_TRUE(made.ok());
  const fs::path& root = made->path();
  fs::create_directories(root / "var/lib/dpkg/info");
  fs::create_directories(root / "usr/share/doc/libgcc-s1");
  // The file's place is given as it was before /usr was merged.
  ASSERT_TRUE(
      write_file(root / "var/lib/dpkg/info/libgcc-s1:amd64.list", "/.\n/lib/x86_64-linux-gnu/libgcc_s.so.1\n").ok());
  ASSERT_TRUE(write_file(root / "var/lib/dpkg/info/other.list", "/.\n/lib/x86_64-linux-gnu/libgcc_s.so.1.old\n").ok());
  ASSERT_TRUE(write_file(root / "var/lib/dpkg/status",
                         "Package: not-libgcc-s1\nVersion: 1\n\nPackage: libgcc-s1\nStatus: ok\nVersion: 12.2\n\n")
                  .ok());
  ASSERT_TRUE(write_file(root / "usr/share/doc/libgcc-s1/copyright", "GPL").ok());
  const auto owner = debian_owner("/usr/lib/x86_64-linux-gnu/libgcc_s.so.1", root);
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->name, "libgcc-s1");
  EXPECT_EQ(owner->version, "12.2");
  EXPECT_EQ(owner->licence, "GPL-3.0-or-later WITH GCC-exception-3.1");
  EXPECT_THAT(owner->licence_files, ElementsAre(root / "usr/share/doc/libgcc-s1/copyright"));
  EXPECT_FALSE(debian_owner("/usr/lib/x86_64-linux-gnu/libgcc_s.so", root));
}

TEST(Spdx, OurOwnDocumentsAreKnown) {
  Json document = spdx_document("b", {});
  EXPECT_TRUE(describes_bundle(document));
  document["creationInfo"]["creators"] = {"Organization: someone", "Tool: speedster-99.0"};
  EXPECT_TRUE(describes_bundle(document)) << "of any release";
  document["creationInfo"]["creators"] = {"Tool: syft"};
  EXPECT_FALSE(describes_bundle(document));
  document = spdx_document("b", {});
  document["documentNamespace"] = "https://example.org/app";
  EXPECT_FALSE(describes_bundle(document));
  EXPECT_FALSE(describes_bundle(Json::array()));
}

TEST(Spdx, HasWhatTheSpecificationAsks) {
  ::setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  const std::vector<BundlePart> parts = {{"lib/a.so", "vendor", "a", "1.0", "MIT", std::string(64, 'a'), 3},
                                         {"", "compiled-in", "b", "", "", "", 0}};
  const Json document = spdx_document("bundle", parts);
  ::unsetenv("SOURCE_DATE_EPOCH");
  EXPECT_EQ(document["spdxVersion"], "SPDX-2.3");
  EXPECT_EQ(document["dataLicense"], "CC0-1.0");
  EXPECT_EQ(document["creationInfo"]["created"], "2023-11-14T22:13:20Z");
  const Json& a = document["packages"][0];
  EXPECT_EQ(a["packageFileName"], "./lib/a.so");
  EXPECT_EQ(a["versionInfo"], "1.0");
  EXPECT_EQ(a["checksums"][0]["checksumValue"], std::string(64, 'a'));
  const Json& b = document["packages"][1];
  EXPECT_EQ(b["licenseConcluded"], "NOASSERTION");
  EXPECT_FALSE(b.contains("checksums"));
  EXPECT_NE(a["SPDXID"], b["SPDXID"]);
  EXPECT_EQ(document["relationships"].size(), 2U);
  for (const Json& package : document["packages"])
    for (const char* key : {"SPDXID", "name", "downloadLocation", "licenseDeclared", "copyrightText"})
      EXPECT_TRUE(package.contains(key)) << key;
}

}  // namespace
}  // namespace speedster::learner
