#include "learner/vendor_cache.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/files.h"
#include "learner/learner.h"
#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using test::VariantPlan;

class VendorCacheTest : public LearnerTest {
 protected:
  fs::path vendor() const { return root() / "cache" / "vendor"; }
  static void leave(const VendorCache& cache, const std::string& content = "blob") {
    ASSERT_TRUE(make_directories(cache.blobs() / "one").ok());
    ASSERT_TRUE(write_file(cache.blobs() / "one" / "a.blob", content).ok());
  }
  /// One that is complete.
  static fs::path filled(const std::string& key, const std::string& content = "blob") {
    auto cache = VendorCache::open(key);
    EXPECT_TRUE(cache && !cache->filled());
    leave(*cache, content);
    EXPECT_TRUE(cache->keep());
    return cache->blobs().parent_path();
  }

  /// A package whose backend keeps a file.
  fs::path keeping() const {
    VariantPlan plan;
    plan.backend = "fake";
    return mlp({plan});
  }
  static LoadOptions options() {
    LoadOptions options;
    options.backend_path = (fs::path(SPEEDSTER_BUILD_DIR) / "tests/fakes/plugins").string();
    return options;
  }
  static CacheUse use(const fs::path& package, const LoadOptions& how = options()) {
    const auto learner = Learner::load(package, how);
    EXPECT_TRUE(learner.ok()) << learner.error().full_message();
    return learner.ok() ? (*learner)->cache_use() : CacheUse::kNone;
  }
  /// The only file that a vendor kept.
  fs::path kept_file() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(vendor()))
      if (entry.path().filename() == "kept") found.push_back(entry.path());
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? fs::path() : found.front();
  }
};

TEST_F(VendorCacheTest, FilledOnceAndUsedFromThenOn) {
  const fs::path folder = filled("key");
  auto again = VendorCache::open("key");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->filled());
  EXPECT_EQ(read_file(again->blobs() / "one" / "a.blob").value(), "blob");
  struct stat status{};
  ASSERT_EQ(::stat(vendor().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U) << "what a vendor trusts is nobody else's to write";
  EXPECT_FALSE(VendorCache::open("other")->filled());
}

TEST_F(VendorCacheTest, AnInterruptedOrChangedOneIsMadeAgain) {
  {
    leave(*VendorCache::open("key"));
  }  // ends before keep()
  auto cache = VendorCache::open("key");
  ASSERT_TRUE(cache);
  EXPECT_FALSE(cache->filled());
  EXPECT_TRUE(fs::is_empty(cache->blobs()));
  leave(*cache);
  EXPECT_TRUE(cache->keep());
  fs::resize_file(cache->blobs() / "one" / "a.blob", 2);  // a full disk, say
  EXPECT_FALSE(VendorCache::open("key")->filled());
}

TEST_F(VendorCacheTest, OneProcessFillsItAndOthersDoWithout) {
  auto first = VendorCache::open("key");
  ASSERT_TRUE(first);
  EXPECT_FALSE(VendorCache::open("key"));
  leave(*first);
  EXPECT_TRUE(first->keep());
  EXPECT_TRUE(VendorCache::open("key")->filled());
}

TEST_F(VendorCacheTest, DroppedOnesAreNotUsed) {
  filled("key");
  auto cache = VendorCache::open("key");
  ASSERT_TRUE(cache);
  cache->drop();
  EXPECT_FALSE(VendorCache::open("key")->filled());
}

TEST_F(VendorCacheTest, RemovedWholeUnlessAProcessFillsIt) {
  const fs::path folder = filled("key");
  EXPECT_TRUE(remove_vendor_cache(folder));
  EXPECT_FALSE(fs::exists(folder));
  auto filling = VendorCache::open("busy");
  ASSERT_TRUE(filling);
  EXPECT_FALSE(remove_vendor_cache(vendor() / "busy"));
  EXPECT_TRUE(fs::exists(filling->blobs()));
}

TEST_F(VendorCacheTest, NothingKeptIsSaid) {
  auto cache = VendorCache::open("key");
  ASSERT_TRUE(cache);
  EXPECT_FALSE(cache->keep());
  EXPECT_FALSE(VendorCache::open("key")->filled());
}

TEST_F(VendorCacheTest, SomebodyElsesFolderIsNotTrusted) {
  const fs::path folder = filled("key");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(vendor().c_str(), 12345, 12345), 0);
    EXPECT_FALSE(VendorCache::open("key"));
  }
  fs::remove_all(vendor());
  fs::create_directories(root() / "elsewhere");
  fs::create_directory_symlink(root() / "elsewhere", vendor());
  EXPECT_FALSE(VendorCache::open("key"));
}

TEST_F(VendorCacheTest, UseIsRemembered) {
  const fs::path folder = filled("key");
  fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::hours(1000));
  EXPECT_TRUE(VendorCache::open("key")->filled());
  EXPECT_GT(fs::last_write_time(folder), fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST_F(VendorCacheTest, NoFolderNoCache) {
  ::setenv("SPEEDSTER_CACHE_DIR", "/dev/null/nowhere", 1);
  EXPECT_FALSE(VendorCache::open("key"));
}

TEST_F(VendorCacheTest, ALoadKeepsAndTheNextUses) {
  const fs::path package = keeping();
  EXPECT_EQ(use(package), CacheUse::kKept);
  EXPECT_EQ(use(package), CacheUse::kUsed);
  LoadOptions without = options();
  without.vendor_cache = false;
  EXPECT_EQ(use(package, without), CacheUse::kNone);
  LoadOptions own = options();
  own.options = {{"cache_dir", (root() / "mine").string()}};
  fs::create_directories(root() / "mine");
  EXPECT_EQ(use(package, own), CacheUse::kNone) << "the caller's own folder is the caller's affair";
  std::size_t kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root() / "mine")) kept += entry.path().filename() == "kept";
  EXPECT_EQ(kept, 1U) << "below it, in a folder of this model";
  LoadOptions other = options();
  other.threads = 2;
  EXPECT_EQ(use(package, other), CacheUse::kKept) << "other options, other blobs";
}

TEST_F(VendorCacheTest, WhatAVendorRefusesIsMadeAgain) {
  const fs::path package = keeping();
  EXPECT_EQ(use(package), CacheUse::kKept);
  const fs::path file = kept_file();
  const auto time = fs::last_write_time(file);
  ASSERT_TRUE(write_file(file, "evil").ok());  // as long and as old as before
  fs::last_write_time(file, time);
  EXPECT_EQ(use(package), CacheUse::kNone) << "loaded without it";
  EXPECT_EQ(use(package), CacheUse::kKept);
  EXPECT_EQ(use(package), CacheUse::kUsed);
}

TEST_F(VendorCacheTest, AnotherMachineMakesItsOwn) {
  const fs::path package = keeping();
  EXPECT_EQ(use(package), CacheUse::kKept);
  const hardware::Machine machine = hardware::probe();
  ASSERT_FALSE(machine.isa.empty());
  LoadOptions hidden = options();
  hidden.hide_isa = {*machine.isa.begin()};
  EXPECT_EQ(use(package, hidden), CacheUse::kKept);
}

}  // namespace
}  // namespace speedster::learner
