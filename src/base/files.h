/// Files: reading with a size bound, atomic writing, mapping, temporary folders, paths that may not leave a folder.
#pragma once
#include <speedster/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace speedster {

namespace fs = std::filesystem;

/// The kind that an errno means (ENOENT: not found, EACCES: permission, ENOSPC and EDQUOT: no space, …).
ErrorKind errno_kind(int error_number);
/// "[who] expected WHAT, got PATH: strerror; try …".
Error errno_error(int error_number, std::string_view who, std::string_view what, const fs::path& path);

/// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

Result<UniqueFd> open_for_reading(const fs::path& path);
/// Bytes read, 0 at the end.
Result<std::size_t> read_some(int fd, std::span<std::byte> buffer, const fs::path& path);
/// Writes all of it, or says why not (no space, permission, …).
Result<void> write_all(int fd, std::span<const std::byte> bytes, const fs::path& path);

/// A file that is written beside its target and renamed over it at the end; one that ends before leaves nothing behind.
/// Where the target is a link to a file, that file is replaced and the link stays. What is there and is no regular file
/// (a device, a pipe, /dev/stdout wherever it leads) is never replaced but written into.
class OutputFile {
 public:
  /// `who` names the stage in messages.
  static Result<OutputFile> create(const fs::path& path, std::string_view who);
  OutputFile(OutputFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        who_(std::move(other.who_)),
        fd_(std::move(other.fd_)) {}
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();
  /// Written into, so that what is written shows at once.
  bool direct() const { return temporary_.empty(); }
  Result<void> write(std::span<const std::byte> bytes);
  /// On disk before it gets its name; nothing to do for what is written into.
  Result<void> sync();
  /// The last call.
  Result<void> finish();

 private:
  OutputFile() = default;
  fs::path path_, temporary_;
  std::string who_;
  UniqueFd fd_;
};

/// The whole file; refused above `limit` bytes before anything is allocated.
Result<std::string> read_file(const fs::path& path, std::uint64_t limit = std::uint64_t{64} << 20U);
/// The whole content through an OutputFile, synced: a reader sees the old file or the new one.
Result<void> write_file(const fs::path& path, std::string_view content);
/// Syncs a folder's own list of names.
Result<void> sync_directory(const fs::path& path);
/// Syncs the files and folders below and the folder itself.
Result<void> sync_tree(const fs::path& path);
Result<void> make_directories(const fs::path& path);
/// Copies bytes (never links: a later change of one file must not show in the other).
Result<void> copy_file(const fs::path& from, const fs::path& to);
/// With all that is below.
Result<void> remove_directory(const fs::path& path);
/// Moves a finished folder over `to`; what was at `to` is kept until the new one is in place.
Result<void> replace_directory(const fs::path& finished, const fs::path& to);
Result<std::uint64_t> file_size(const fs::path& path);
/// What tells a file from its next version without reading it.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, bytes = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
Result<FileStamp> stamp_of(const fs::path& path);
/// Sum of the regular files below.
std::uint64_t directory_size(const fs::path& path);
/// Bytes free for this user where `path` is or would be.
Result<std::uint64_t> free_space(const fs::path& path);

/// `root / relative` if it stays inside: no absolute path, no "..", no empty or "." component, no symbolic link on the
/// way. Kind corrupt otherwise. `who` names the stage in the message.
Result<fs::path> inside(const fs::path& root, std::string_view relative, std::string_view who);

/// A folder that disappears with its owner.
class TempDir {
 public:
  /// Below `parent`, else $TMPDIR or /tmp.
  static Result<TempDir> create(std::string_view prefix, const fs::path& parent = {});
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const fs::path& path() const { return path_; }
  /// The folder stays.
  fs::path release() { return std::exchange(path_, {}); }

 private:
  explicit TempDir(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// A file mapped read-only.
class MappedFile {
 public:
  static Result<MappedFile> open(const fs::path& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
  /// Tells the kernel that this range is not needed soon (keeps resident memory flat while streaming).
  void forget(std::size_t offset, std::size_t length) const;

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// An environment variable, or nothing if unset or empty.
std::string environment(const char* name);

/// The XDG folders, each overridable by one variable: SPEEDSTER_CACHE_DIR, SPEEDSTER_STATE_DIR, SPEEDSTER_DATA_DIR.
/// Home is $HOME, else the account's. Without any they lie below /dev/null, where nothing can be found or made:
/// libraries and marks of trust are read from them, and a shared folder such as /tmp is anybody's to fill.
fs::path cache_directory();
fs::path state_directory();
fs::path data_directory();

}  // namespace speedster
