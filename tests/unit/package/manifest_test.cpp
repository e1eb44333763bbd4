#include "package/manifest.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/digest.h"
#include "unit/package/fixture.h"

namespace speedster::package {
namespace {

using testing::HasSubstr;

class ManifestTest : public PackageTest {
 protected:
  static Json json() {
    Manifest m = manifest();
    for (const char* file : {"payload/model.onnx", "payload/weights.bin"}) m.files[file] = {std::string(64, 'a'), 9};
    return to_json(m);
  }
};

TEST_F(ManifestTest, ReadsWhatItWrites) {
  const auto read = manifest_from_json(json());
  ASSERT_TRUE(read.ok()) << read.error().full_message();
  EXPECT_EQ(to_json(*read).dump(), json().dump());
  EXPECT_EQ(read->entries.at("main").variants.at(0).needs.isa, (hardware::IsaSet{"avx2", "avx512_vnni"}));
  EXPECT_EQ(read->entries.at("main").signature, manifest().entries.at("main").signature);
}

TEST_F(ManifestTest, UnknownKeysOfTheSameVersionAreLeftAlone) {
  Json more = json();
  more["comment"] = "later releases may add";
  more["entries"]["main"]["variants"][0]["note"] = 1;
  EXPECT_TRUE(manifest_from_json(more).ok());
}

TEST_F(ManifestTest, ANewerVersionIsRefusedWithTheReleaseThatReadsIt) {
  Json newer = json();
  newer["version"] = kManifestVersion + 1;
  newer["speedster"] = "7.1.0";
  newer["entries"] = "whatever a later version makes of it";
  const auto read = manifest_from_json(newer);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().kind(), ErrorKind::kVersion);
  EXPECT_THAT(read.error().message(), HasSubstr("written by Speedster 7.1.0; try that one"));
}

struct Damage {
  const char* name;
  std::function<void(Json&)> apply;
};
class DamagedManifest : public ManifestTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamagedManifest, IsRefused) {
  Json damaged = json();
  GetParam().apply(damaged);
  const auto read = manifest_from_json(damaged);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(read.error().message(), HasSubstr("[package] expected"));
}

Json& first_variant(Json& json) { return json["entries"]["main"]["variants"][0]; }
Json record() { return {{"sha256", std::string(64, 'a')}, {"bytes", 1}}; }

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedManifest,
    testing::Values(
        Damage{"no_format", [](Json& j) { j.erase("format"); }},
        Damage{"another_format", [](Json& j) { j["format"] = "zip"; }},
        Damage{"version_zero", [](Json& j) { j["version"] = 0; }},
        Damage{"version_text", [](Json& j) { j["version"] = "1"; }},
        Damage{"no_entries", [](Json& j) { j["entries"] = Json::object(); }},
        Damage{"entry_name", [](Json& j) { j["entries"]["../main"] = j["entries"]["main"]; }},
        Damage{"no_variants", [](Json& j) { j["entries"]["main"]["variants"] = Json::array(); }},
        Damage{"variant_twice", [](Json& j) { j["entries"]["main"]["variants"].push_back(first_variant(j)); }},
        Damage{"backend_path", [](Json& j) { first_variant(j)["backend"] = "../../evil"; }},
        Damage{"payload_not_listed", [](Json& j) { first_variant(j)["payload"] = "payload/other"; }},
        Damage{"file_not_listed", [](Json& j) { first_variant(j)["files"].push_back("payload/other"); }},
        Damage{"samples_not_listed", [](Json& j) { j["entries"]["main"]["samples"] = "samples.safetensors"; }},
        Damage{"kind", [](Json& j) { first_variant(j)["kind"] = "script"; }},
        Damage{"precision", [](Json& j) { first_variant(j)["precision"] = "fp32"; }},
        Damage{"threads", [](Json& j) { first_variant(j)["threads"] = -1; }},
        Damage{"option_number", [](Json& j) { first_variant(j)["options"]["threads"] = 2; }},
        Damage{"option_long", [](Json& j) { first_variant(j)["options"]["x"] = std::string(5000, 'x'); }},
        Damage{"memory", [](Json& j) { first_variant(j)["needs"]["memory_bytes"] = -5; }},
        Damage{"memory_huge", [](Json& j) { first_variant(j)["needs"]["memory_bytes"] = UINT64_MAX; }},
        Damage{"isa", [](Json& j) { first_variant(j)["needs"]["isa"] = "avx2"; }},
        Damage{"version_lines", [](Json& j) { first_variant(j)["needs"]["vendor_min"] = "1.0\n--index-url http://x"; }},
        Damage{"version_long", [](Json& j) { first_variant(j)["needs"]["vendor_below"] = std::string(65, '1'); }},
        Damage{"measured", [](Json& j) { first_variant(j)["measured"] = 1; }},
        Damage{"file_outside", [](Json& j) { j["files"]["../x"] = record(); }},
        Damage{"file_absolute", [](Json& j) { j["files"]["/etc/passwd"] = record(); }},
        Damage{"file_manifest", [](Json& j) { j["files"]["manifest.json"] = record(); }},
        Damage{"digest_short", [](Json& j) { j["files"]["payload/model.onnx"]["sha256"] = "aa"; }},
        Damage{"digest_upper", [](Json& j) { j["files"]["payload/model.onnx"]["sha256"] = std::string(64, 'A'); }},
        Damage{"bytes_negative", [](Json& j) { j["files"]["payload/model.onnx"]["bytes"] = -1; }},
        Damage{"signature", [](Json& j) { j["entries"]["main"]["signature"]["inputs"][0]["dtype"] = "string"; }},
        Damage{"a_list", [](Json& j) { j = Json::array(); }}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(FilePath, MayNotLeaveThePackage) {
  for (const char* good : {"a", "a/b", "payloads/1f/model.onnx", "ü/x", "..a", "a..b"})
    EXPECT_TRUE(valid_file_path(good)) << good;
  for (const char* bad :
       {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\nb", "a\\b", "manifest.json"})
    EXPECT_FALSE(valid_file_path(bad)) << bad;
  EXPECT_FALSE(valid_file_path(std::string_view("a\0b", 3)));
  EXPECT_FALSE(valid_file_path(std::string(5000, 'a')));
}

TEST_F(ManifestTest, ReadFromAFolderWithItsDigest) {
  const fs::path package = written();
  const auto read = read_manifest(package);
  ASSERT_TRUE(read.ok()) << read.error().full_message();
  EXPECT_EQ(read->sha256, sha256(read_file(package / kManifestFile).value()));
  EXPECT_EQ(read->manifest.files.at("payload/weights.bin").bytes, 7U);
  EXPECT_EQ(read->manifest.files.at("payload/weights.bin").sha256, sha256("weights"));
}

TEST_F(ManifestTest, WhatIsNoPackageIsNotFound) {
  EXPECT_EQ(read_manifest(root() / "missing").error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(read_manifest(root()).error().kind(), ErrorKind::kNotFound);
  ASSERT_TRUE(write_file(root() / "file", "x").ok());
  EXPECT_THAT(read_manifest(root() / "file").error().message(), HasSubstr("a file at"));
}

TEST_F(ManifestTest, HostileFilesAreRefused) {
  const fs::path manifest_file = root() / kManifestFile;
  ASSERT_TRUE(write_file(manifest_file, "{\"format\": ").ok());
  EXPECT_EQ(read_manifest(root()).error().kind(), ErrorKind::kCorrupt);
  ASSERT_TRUE(write_file(manifest_file, std::string(200000, '[')).ok());
  EXPECT_EQ(read_manifest(root()).error().kind(), ErrorKind::kCorrupt);
  fs::remove(manifest_file);
  fs::create_symlink("/etc/passwd", manifest_file);
  EXPECT_EQ(read_manifest(root()).error().kind(), ErrorKind::kCorrupt);
  fs::remove(manifest_file);
  ASSERT_TRUE(write_file(manifest_file, std::string((16U << 20U) + 1, ' ')).ok());
  EXPECT_EQ(read_manifest(root()).error().kind(), ErrorKind::kBadInput) << "above 16 MiB";
}

TEST(CompareVersions, IsByNumber) {
  EXPECT_EQ(compare_versions("1.31.1", "1.32"), -1);
  EXPECT_EQ(compare_versions("1.10", "1.9"), 1);
  EXPECT_EQ(compare_versions("1.2", "1.2.0"), 0);
  EXPECT_EQ(compare_versions("2026.4.1-22982", "2026.4.1"), 0);
  EXPECT_EQ(compare_versions("1.2rc1", "1.2"), 0);
  EXPECT_EQ(compare_versions("1.02", "1.2"), 0);
  EXPECT_EQ(compare_versions("99999999999999999999999", "99999999999999999999998"), 1);
  EXPECT_EQ(compare_versions("", "0.0"), 0);
  EXPECT_EQ(compare_versions("", "1"), -1);
  EXPECT_EQ(compare_versions("1..2", "1"), 0);
}

TEST(UnmetVersion, IsAHalfOpenRange) {
  Needs needs;
  EXPECT_EQ(unmet_version(needs, "0.1"), "");
  needs.vendor_min = "1.31";
  needs.vendor_below = "2";
  EXPECT_EQ(unmet_version(needs, "1.31.0"), "");
  EXPECT_EQ(unmet_version(needs, "1.99"), "");
  EXPECT_EQ(unmet_version(needs, "1.30.9"), "needs at least 1.31");
  EXPECT_EQ(unmet_version(needs, "2.0"), "needs a version below 2");
}

TEST(UnmetNeed, NamesWhatIsLacking) {
  hardware::Machine machine;
  machine.system = "linux-x86_64";
  machine.model = "Some Processor";
  machine.isa = {"avx2"};
  machine.memory_bytes = std::uint64_t{1} << 30U;
  Needs needs;
  EXPECT_FALSE(unmet_need(needs, machine));
  needs.system = "linux-x86_64";
  needs.isa = {"avx2"};
  needs.memory_bytes = machine.memory_bytes;
  EXPECT_FALSE(unmet_need(needs, machine));
  needs.isa.insert("avx512_vnni");
  EXPECT_EQ(unmet_need(needs, machine), "needs avx512_vnni, which this processor (Some Processor) lacks");
  needs.isa.clear();
  needs.memory_bytes += 1U << 20U;
  EXPECT_EQ(unmet_need(needs, machine), "needs 1025 MiB of memory, this machine has 1024 MiB");
  needs.memory_bytes = 0;
  needs.device = "cuda";
  EXPECT_THAT(*unmet_need(needs, machine), HasSubstr("cuda"));
  needs.device = "cpu";
  needs.system = "linux-aarch64";
  EXPECT_EQ(unmet_need(needs, machine), "needs linux-aarch64, this is linux-x86_64");
}

}  // namespace
}  // namespace speedster::package
