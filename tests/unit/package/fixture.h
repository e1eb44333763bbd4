/// A small package on disk for the tests of this room.
#pragma once
#include <gtest/gtest.h>

#include "base/files.h"
#include "package/writer.h"

namespace speedster::package {

/// A folder of its own, with the cache and state folders inside it.
class PackageTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("package");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    ::setenv("SPEEDSTER_CACHE_DIR", (root() / "cache").c_str(), 1);
    ::setenv("SPEEDSTER_STATE_DIR", (root() / "state").c_str(), 1);
  }
  const fs::path& root() const { return folder_->path(); }

  static Manifest manifest() {
    Manifest manifest;
    manifest.speedster = "0.1.0";
    EntryPoint entry;
    TensorSpec x{"x", DType::kFloat32, {Axis{-1, "batch", 1, 2, 8}, Axis{3, "", {}, {}, {}}}, false};
    TensorSpec y{"y", DType::kInt64, {}, true};
    entry.signature = {{x}, {y}};
    Variant variant;
    variant.name = "reference-f32";
    variant.backend = "reference";
    variant.format = "onnx";
    variant.payload = "payload/model.onnx";
    variant.files = {"payload/model.onnx", "payload/weights.bin"};
    variant.options = {{"optimization", "all"}};
    variant.threads = 2;
    variant.precision = "f32";
    variant.techniques = {"none"};
    variant.needs.system = "linux-x86_64";
    variant.needs.isa = {"avx2", "avx512_vnni"};
    variant.needs.vendor_min = "1.17";
    variant.needs.vendor_below = "2";
    variant.needs.memory_bytes = 1U << 20U;
    variant.measured = {{"drop", 0.001}};
    entry.variants = {variant};
    manifest.entries["main"] = entry;
    manifest.provenance = {{"seed", 0}};
    return manifest;
  }

  /// Writes the package of `manifest()` to `target` and returns its path.
  fs::path written(const std::string& name = "p.speedster", std::string_view content = "the model") const {
    auto writer = PackageWriter::create(root() / name);
    EXPECT_TRUE(writer.ok()) << writer.error().full_message();
    EXPECT_TRUE(writer->add_text(content, "payload/model.onnx").ok());
    EXPECT_TRUE(writer->add_text("weights", "payload/weights.bin").ok());
    const auto digest = writer->commit(manifest());
    EXPECT_TRUE(digest.ok()) << digest.error().full_message();
    return root() / name;
  }

 private:
  std::optional<TempDir> folder_;
};

}  // namespace speedster::package
