#include "package/trust.h"

#include "unit/package/fixture.h"

namespace speedster::package {
namespace {

class Trust : public PackageTest {};

TEST_F(Trust, IsOfTheseBytesAndThisBackend) {
  const Manifest manifest = read_manifest(written())->manifest;
  const Variant& variant = manifest.entries.at("main").variants.front();
  EXPECT_FALSE(made_here(manifest, variant));
  ASSERT_TRUE(record_made_here(manifest, variant).ok());
  EXPECT_TRUE(made_here(manifest, variant));

  Manifest changed = manifest;
  changed.files["payload/weights.bin"].sha256 = std::string(64, '0');
  EXPECT_FALSE(made_here(changed, variant));
  Variant other = variant;
  other.backend = "another";
  EXPECT_FALSE(made_here(manifest, other));
}

TEST_F(Trust, LiesInTheUsersStateFolderAlone) {
  const fs::path package = written();
  const Manifest manifest = read_manifest(package)->manifest;
  ASSERT_TRUE(record_made_here(manifest, manifest.entries.at("main").variants.front()).ok());
  EXPECT_EQ(fs::status(root() / "state/made-here").permissions(), fs::perms::owner_all);
  EXPECT_TRUE(check_all(package, manifest).ok()) << "nothing was written into the package";
  fs::remove_all(root() / "state");
  EXPECT_FALSE(made_here(manifest, manifest.entries.at("main").variants.front()));
}

TEST_F(Trust, DigestsDoNotDependOnTheOrderOfFiles) {
  const Manifest manifest = read_manifest(written())->manifest;
  Variant variant = manifest.entries.at("main").variants.front();
  const std::string digest = payload_digest(manifest, variant);
  std::reverse(variant.files.begin(), variant.files.end());
  EXPECT_EQ(payload_digest(manifest, variant), digest);
  variant.files.pop_back();
  EXPECT_NE(payload_digest(manifest, variant), digest);
}

}  // namespace
}  // namespace speedster::package
