#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>
#include <vector>

#include "base/digest.h"
#include "package/writer.h"

namespace speedster::package {
namespace {

/// What tells one state of a file from another without reading it. The change time cannot be set back by a user.
struct FileState {
  std::uint64_t device = 0, inode = 0, bytes = 0;
  std::int64_t modified = 0, changed = 0;

  std::string text() const {
    return std::to_string(device) + " " + std::to_string(inode) + " " + std::to_string(bytes) + " " +
           std::to_string(modified) + " " + std::to_string(changed) + "\n";
  }
};

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

Result<FileState> state_of(const fs::path& file) {
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0) return errno_error(errno, "package", "a file that the manifest lists", file);
  if (!S_ISREG(status.st_mode))
    return Error(ErrorKind::kCorrupt,
                 "[package] expected a regular file, got " + file.string() + "; try a fresh copy of the package");
  return FileState{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                   nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

/// A change within one tick of the kernel's clock after the digest was taken would carry the same time stamp: no mark
/// is left on files as young as that.
bool settled(const FileState& state) {
  constexpr std::int64_t kTick = 20'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - std::max(state.changed, state.modified) > kTick;
}

fs::path mark_of(const fs::path& file, const FileRecord& record) {
  std::error_code error;
  const fs::path absolute = fs::canonical(file, error);
  const std::string key = Sha256().field(record.sha256).field((error ? file : absolute).string()).hex();
  return cache_directory() / "digest-checked" / key.substr(0, 2) / key;
}

Result<FileState> check_size(const fs::path& file, const std::string& name, const FileRecord& record) {
  auto state = state_of(file);
  if (!state && state.error().kind() == ErrorKind::kNotFound)
    return std::move(state).error().wrap_as(ErrorKind::kCorrupt, "[package] expected all of its files, got none at \"" +
                                                                     name + "\"; try a fresh copy of the package");
  if (state && state->bytes != record.bytes)
    return Error(ErrorKind::kCorrupt, "[package] expected " + std::to_string(record.bytes) + " bytes in \"" + name +
                                          "\", got " + std::to_string(state->bytes) +
                                          "; try a fresh copy of the package");
  return state;
}

Result<void> check_digest(const fs::path& file, const std::string& name, const FileRecord& record) {
  SPEEDSTER_ASSIGN(const std::string digest, sha256_file(file));
  if (digest != record.sha256)
    return Error(ErrorKind::kCorrupt, "[package] expected the digest " + record.sha256 + " of \"" + name + "\", got " +
                                          digest + "; try a fresh copy of the package");
  return {};
}

/// A cache that cannot be written only costs time at the next load.
void leave_mark(const fs::path& mark, const FileState& state) {
  if (make_directories(mark.parent_path()).ok()) static_cast<void>(write_file(mark, state.text()).ok());
}

/// The files in `folder` of a package and below, by their names in it; one that the manifest does not list is an error,
/// which says `where`.
Result<std::vector<std::string>> listed_files(const fs::path& package, const fs::path& folder, const Manifest& manifest,
                                              const std::string& where) {
  std::vector<std::string> names;
  std::error_code error;
  const fs::path root = fs::canonical(package, error), start = fs::canonical(folder, error);
  for (fs::recursive_directory_iterator it(start, error), end; !error && it != end; it.increment(error)) {
    std::error_code status;
    if (it->symlink_status(status).type() == fs::file_type::directory) continue;
    std::string name = it->path().lexically_relative(root).generic_string();
    if (name == kManifestFile) continue;
    if (!manifest.files.contains(name))
      return Error(ErrorKind::kCorrupt, "[package] expected only files that the manifest lists" + where + ", got \"" +
                                            name + "\" too; try a fresh copy of the package");
    names.push_back(std::move(name));
  }
  if (error) return errno_error(error.value(), "package", "a readable folder", folder);
  return names;
}

}  // namespace

Result<void> check_payload(const fs::path& package, const Manifest& manifest, const Variant& variant) {
  // Names in a model are not ours to read: all that lies where its vendor looks must be listed and as it was.
  SPEEDSTER_ASSIGN(const fs::path payload, inside(package, variant.payload, "package"));
  std::set<std::string> names(variant.files.begin(), variant.files.end());
  std::error_code ignored;
  if (fs::exists(payload.parent_path(), ignored)) {  // else it is told below what is not there
    SPEEDSTER_ASSIGN(const std::vector<std::string> beside,
                     listed_files(package, payload.parent_path(), manifest, " beside \"" + variant.payload + "\""));
    names.insert(beside.begin(), beside.end());
  }
  for (const std::string& name : names) {
    const auto record = manifest.files.find(name);
    if (record == manifest.files.end())
      return Error(ErrorKind::kCorrupt,
                   "[package] expected a digest of \"" + name + "\", got none; try a fresh copy of the package");
    SPEEDSTER_ASSIGN(const fs::path file, inside(package, name, "package"));
    SPEEDSTER_ASSIGN(const FileState before, check_size(file, name, record->second));
    const fs::path mark = mark_of(file, record->second);
    const auto seen = read_file(mark, 4096);
    if (seen.ok() && *seen == before.text()) continue;
    SPEEDSTER_TRY(check_digest(file, name, record->second));
    SPEEDSTER_ASSIGN(const FileState after, state_of(file));
    if (before.text() == after.text() && settled(after)) leave_mark(mark, after);
  }
  return {};
}

Result<void> check_all(const fs::path& package, const Manifest& manifest) {
  for (const auto& [name, record] : manifest.files) {
    SPEEDSTER_ASSIGN(const fs::path file, inside(package, name, "package"));
    auto state = check_size(file, name, record);
    if (!state) return std::move(state).error();
    SPEEDSTER_TRY(check_digest(file, name, record));
  }
  SPEEDSTER_TRY(listed_files(package, package, manifest, ""));
  return {};
}

}  // namespace speedster::package
