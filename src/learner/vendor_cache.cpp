#include "learner/vendor_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/files.h"

namespace speedster::learner {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{8} << 30U;
constexpr const char *kComplete = "complete", *kLock = "lock";

fs::path root() { return cache_directory() / "vendor"; }

/// A line for each file below with its size and time stamp; nothing where one cannot be read.
std::optional<std::string> listing(const fs::path& blobs) {
  std::vector<std::string> lines;
  std::error_code error;
  for (fs::recursive_directory_iterator it(blobs, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_regular_file(error) || error) continue;
    const auto bytes = it->file_size(error);
    if (error) return std::nullopt;
    const auto modified = it->last_write_time(error).time_since_epoch().count();
    if (error) return std::nullopt;
    lines.push_back(it->path().lexically_relative(blobs).generic_string() + " " + std::to_string(bytes) + " " +
                    std::to_string(modified) + "\n");
  }
  if (error) return std::nullopt;
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

bool complete(const fs::path& folder) {
  const auto said = read_file(folder / kComplete);
  return said.ok() && !said->empty() && listing(folder / "blobs") == *said;
}

/// The vendor trusts what it finds there, as we trust our own library.
bool ours_alone(const fs::path& folder) {
  std::error_code ignored;
  fs::permissions(folder, fs::perms::owner_all, ignored);
  struct stat status{};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & 0077U) == 0;
}

std::optional<FileLock> take(const fs::path& folder) {
  auto lock = FileLock::try_take(folder / kLock, FileLock::Mode::kExclusive);
  return lock ? std::move(*lock) : std::nullopt;
}

/// Removes those that were not used for longest until `most_bytes` are left, `spared` last of all.
void bound(std::uint64_t most_bytes, const fs::path& spared) {
  struct Entry {
    fs::path folder;
    std::uint64_t bytes = 0;
    fs::file_time_type used;
  };
  std::vector<Entry> entries;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(root(), error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    Entry entry{it->path(), directory_size(it->path()), fs::last_write_time(it->path(), ignored)};
    total += entry.bytes;
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    return std::pair(a.folder == spared, a.used) < std::pair(b.folder == spared, b.used);
  });
  for (const Entry& entry : entries) {
    if (total <= most_bytes) return;
    if (remove_vendor_cache(entry.folder)) total -= entry.bytes;
  }
}

}  // namespace

bool remove_vendor_cache(const fs::path& folder) {
  const std::optional<FileLock> lock = take(folder);
  if (!lock) return false;
  std::error_code ignored;
  fs::remove(folder / kComplete, ignored);  // first, so that what is half removed is not used
  return remove_directory(folder).ok();
}

std::optional<VendorCache> VendorCache::open(const std::string& key) {
  const fs::path folder = root() / key;
  std::error_code ignored;
  if (!make_directories(root()) || !ours_alone(root())) return std::nullopt;
  if (complete(folder)) {
    fs::last_write_time(folder, fs::file_time_type::clock::now(), ignored);  // when it was used
    return VendorCache(folder, true, std::nullopt);
  }
  if (!make_directories(folder)) return std::nullopt;
  std::optional<FileLock> lock = take(folder);
  if (!lock) return std::nullopt;
  if (complete(folder)) return VendorCache(folder, true, std::nullopt);  // another process was faster
  fs::remove(folder / kComplete, ignored);
  if (!remove_directory(folder / "blobs") || !make_directories(folder / "blobs")) return std::nullopt;
  return VendorCache(folder, false, std::move(lock));
}

bool VendorCache::keep() {
  const auto list = listing(blobs());
  filled_ =
      list && !list->empty() && directory_size(folder_) <= kMostBytes && write_file(folder_ / kComplete, *list).ok();
  lock_.reset();
  if (!filled_) drop();
  bound(kMostBytes, folder_);
  return filled_;
}

void VendorCache::drop() {
  if (!lock_) lock_ = take(folder_);
  if (!lock_) return;
  std::error_code ignored;
  fs::remove(folder_ / kComplete, ignored);
  static_cast<void>(remove_directory(blobs()).ok());
  lock_.reset();
  filled_ = false;
}

}  // namespace speedster::learner
