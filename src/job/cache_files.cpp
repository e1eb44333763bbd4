#include "job/cache_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "job/failures.h"

namespace speedster::job {
namespace {

constexpr const char* kRecord = "entry.json";
/// Copies in staging/ that are not under a key's lock belong to someone who is at work, or was.
constexpr double kAbandonedSeconds = 3600;

bool is_key(const std::string& name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

double age_seconds(const fs::path& path) {
  struct stat status{};
  timespec now{};
  if (::stat(path.c_str(), &status) != 0 || ::clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  return static_cast<double>(now.tv_sec - status.st_mtim.tv_sec) +
         static_cast<double>(now.tv_nsec - status.st_mtim.tv_nsec) * 1e-9;
}

std::vector<fs::path> children(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    paths.push_back(it->path());
  return paths;
}

/// A file on disk, counted once however many names it has.
using Inode = std::pair<dev_t, ino_t>;
struct Content {
  std::uint64_t bytes = 0;
  std::size_t names = 0;
};
using Contents = std::map<Inode, Content>;

std::vector<Inode> inodes(const fs::path& path, Contents& contents) {
  std::vector<Inode> found;
  auto add = [&](const fs::path& file) {
    struct stat status{};
    if (::lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    const Inode inode{status.st_dev, status.st_ino};
    Content& content = contents[inode];
    content.bytes = static_cast<std::uint64_t>(status.st_size);
    ++content.names;
    found.push_back(inode);
  };
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error))) add(path);
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) add(it->path());
  return found;
}

/// Bytes that are freed when these names go.
std::uint64_t release(const std::vector<Inode>& names, Contents& contents) {
  std::uint64_t freed = 0;
  for (const Inode& inode : names) {
    Content& content = contents[inode];
    if (content.names == 0) continue;
    --content.names;
    if (content.names == 0) freed += content.bytes;
  }
  return freed;
}

}  // namespace

Result<CacheFiles> CacheFiles::open(const fs::path& root) {
  CacheFiles files;
  SPEEDSTER_TRY(make_directories(root));
  std::error_code error;
  files.root_ = fs::canonical(root, error);
  if (error) return errno_error(error.value(), "cache", "a folder", root);
  for (const char* folder : {"locks", "staging", "blobs"}) {
    SPEEDSTER_TRY(make_directories(files.root_ / folder));
  }
  files.remove_abandoned();
  return files;
}

bool CacheFiles::intact(const std::string& key) const {
  const Result<std::string> text = read_file(entry(key) / kRecord);
  if (!text) return false;
  const Result<Json> record = parse_json(*text, "cache");
  if (!record) return false;
  const Result<const Json*> files = json_object(*record, "files", "cache");
  if (!files) return false;
  for (const auto& [name, bytes] : (*files)->items()) {
    const Result<fs::path> path = inside(entry(key), name, "cache");
    if (!path || !bytes.is_number_unsigned()) return false;
    const Result<std::uint64_t> size = speedster::file_size(*path);
    if (!size || *size != bytes.get<std::uint64_t>()) return false;
  }
  return true;
}

void CacheFiles::touch(const std::string& key) const { ::utimensat(AT_FDCWD, entry(key).c_str(), nullptr, 0); }

Result<fs::path> CacheFiles::begin(const std::string& key) const {
  discard(key);
  std::error_code ignored;
  fs::remove_all(entry(key), ignored);  // of no use, or we would not be here
  SPEEDSTER_TRY(make_directories(staging(key)));
  return staging(key);
}

void CacheFiles::discard(const std::string& key) const {
  std::error_code ignored;
  fs::remove_all(staging(key), ignored);
}

Result<void> CacheFiles::publish(const std::string& key, const std::string& step) const {
  Json record = {{"step", step}, {"files", Json::object()}};
  std::error_code error;
  for (fs::recursive_directory_iterator it(staging(key), error), end; !error && it != end; it.increment(error)) {
    std::error_code skip;
    if (it->is_symlink(skip) || !it->is_regular_file(skip)) continue;
    record["files"][it->path().lexically_relative(staging(key)).string()] = it->file_size(skip);
  }
  if (error) return errno_error(error.value(), "cache", "a readable job", staging(key));
  SPEEDSTER_TRY(write_file(staging(key) / kRecord, to_text(record, 2) + "\n"));
  fs::rename(staging(key), entry(key), error);
  if (error) return errno_error(error.value(), "cache", "a writable cache", entry(key));
  return {};
}

Result<fs::path> CacheFiles::keep_failed(const std::string& key) const { return move_to_failures(staging(key), key); }

std::vector<JobCache::Entry> CacheFiles::list() const {
  std::vector<JobCache::Entry> entries;
  for (const fs::path& path : children(root_)) {
    JobCache::Entry found;
    found.key = path.filename().string();
    if (!is_key(found.key)) continue;
    if (const Result<std::string> text = read_file(path / kRecord)) {
      const Result<Json> record = parse_json(*text, "cache");
      const Result<std::string> step =
          record ? json_string(*record, "step", "cache") : Result<std::string>(std::string());
      if (step) found.step = *step;
    }
    found.bytes = directory_size(path);
    found.age_seconds = age_seconds(path);
    entries.push_back(std::move(found));
  }
  std::ranges::sort(entries, {}, [](const auto& entry) { return entry.age_seconds; });
  return entries;
}

void CacheFiles::remove_abandoned() const {
  std::error_code ignored;
  for (const fs::path& path : children(root_ / "staging")) {
    const std::string name = path.filename().string();
    if (!is_key(name)) {
      if (age_seconds(path) > kAbandonedSeconds) fs::remove_all(path, ignored);
    } else if (const auto held = FileLock::try_take(lock(name), FileLock::Mode::kExclusive); held && *held) {
      fs::remove_all(path, ignored);
    }
  }
}

std::uint64_t CacheFiles::unused_blob_bytes() const {
  std::uint64_t bytes = 0;
  for (const fs::path& path : children(root_ / "blobs")) {
    std::error_code error;
    if (fs::hard_link_count(path, error) == 1 && !error)
      if (const Result<std::uint64_t> size = speedster::file_size(path)) bytes += *size;
  }
  return bytes;
}

std::uint64_t CacheFiles::prune(std::uint64_t bytes) const {
  remove_abandoned();
  std::error_code ignored;
  Contents contents;
  std::map<fs::path, std::vector<Inode>> blobs;
  for (const fs::path& path : children(root_ / "blobs")) blobs[path] = inodes(path, contents);
  struct Candidate {
    std::string key;
    double age;
    std::vector<Inode> names;
  };
  std::vector<Candidate> candidates;
  for (const fs::path& path : children(root_))
    if (is_key(path.filename().string()))
      candidates.push_back({path.filename().string(), age_seconds(path), inodes(path, contents)});
  std::ranges::sort(candidates, std::ranges::greater(), [](const auto& candidate) { return candidate.age; });

  std::uint64_t total = 0, freed = 0;
  for (const auto& [inode, content] : contents) total += content.bytes;
  auto drop_unused_blobs = [&] {
    for (auto it = blobs.begin(); it != blobs.end();) {
      const bool unused = std::all_of(it->second.begin(), it->second.end(),
                                      [&](const Inode& inode) { return contents[inode].names == 1; });
      // A fresh one is about to be linked by the job that made it.
      if (!unused || age_seconds(it->first) < kAbandonedSeconds) {
        ++it;
        continue;
      }
      fs::remove(it->first, ignored);
      freed += release(it->second, contents);
      it = blobs.erase(it);
    }
  };
  if (total > bytes) drop_unused_blobs();
  for (const Candidate& candidate : candidates) {
    if (total - freed <= bytes) break;
    const auto held = FileLock::try_take(lock(candidate.key), FileLock::Mode::kExclusive);
    if (!held || !*held) continue;  // someone uses it
    fs::remove_all(entry(candidate.key), ignored);
    (*held)->remove();
    freed += release(candidate.names, contents);
    if (total - freed > bytes) drop_unused_blobs();
  }
  return freed;
}

}  // namespace speedster::job
