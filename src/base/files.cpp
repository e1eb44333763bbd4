#include "base/files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <system_error>

namespace speedster {

ErrorKind errno_kind(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: return ErrorKind::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorKind::kPermission;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorKind::kNoSpace;
    case ENOMEM: return ErrorKind::kOutOfMemory;
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL: return ErrorKind::kBadInput;
    default: return ErrorKind::kInternal;
  }
}

Error errno_error(int error_number, std::string_view who, std::string_view what, const fs::path& path) {
  std::string message = "[" + std::string(who) + "] expected " + std::string(what) + ", got " + path.string() + ": " +
                        std::generic_category().message(error_number);
  const ErrorKind kind = errno_kind(error_number);
  if (kind == ErrorKind::kNoSpace) message += "; try to free space or another folder";
  if (kind == ErrorKind::kPermission) message += "; try another folder or its owner's account";
  if (kind == ErrorKind::kNotFound) message += "; try a path that exists";
  if (kind == ErrorKind::kOutOfMemory) message += "; try to end other programs";
  if (kind == ErrorKind::kBadInput || kind == ErrorKind::kInternal) message += "; try another path";
  return {kind, std::move(message)};
}

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<UniqueFd> open_for_reading(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return errno_error(errno, "files", "a readable file", path);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "files", "a readable file", path);
  if (!S_ISREG(status.st_mode))
    return Error(ErrorKind::kBadInput,
                 "[files] expected a regular file, got " + path.string() + "; try a copy of its content in a file");
  return fd;
}

Result<std::size_t> read_some(int fd, std::span<std::byte> buffer, const fs::path& path) {
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return errno_error(errno, "files", "readable bytes", path);
  }
}

Result<void> write_all(int fd, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    else if (errno != EINTR)
      return errno_error(errno, "files", "a writable file", path);
  }
  return {};
}

Result<std::string> read_file(const fs::path& path, std::uint64_t limit) {
  SPEEDSTER_ASSIGN(UniqueFd fd, open_for_reading(path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "files", "a readable file", path);
  if (static_cast<std::uint64_t>(status.st_size) > limit)
    return Error(ErrorKind::kBadInput, "[files] expected at most " + std::to_string(limit) + " bytes, got " +
                                           std::to_string(status.st_size) + " in " + path.string() +
                                           "; try a smaller file");
  std::string content;
  std::vector<std::byte> buffer(std::size_t{64} << 10U);
  while (true) {
    SPEEDSTER_ASSIGN(std::size_t got, read_some(fd.get(), buffer, path));
    if (got == 0) return content;
    content.append(reinterpret_cast<const char*>(buffer.data()), got);
    if (content.size() > limit)
      return Error(ErrorKind::kBadInput, "[files] expected at most " + std::to_string(limit) + " bytes in " +
                                             path.string() + ", got more; try a smaller file");
  }
}

namespace {

/// Whether the name stands for an open descriptor of a process (/dev/stdout, /dev/fd/3), wherever that leads.
bool is_descriptor(const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(path.has_parent_path() ? path.parent_path() : fs::path("."), error);
  if (!error && folder.string().starts_with("/proc/")) return true;
  const fs::path target = fs::read_symlink(path, error);
  return !error && target.string().starts_with("/proc/");
}

}  // namespace

Result<OutputFile> OutputFile::create(const fs::path& path, std::string_view who) {
  OutputFile file;
  file.path_ = path;
  file.who_ = who;
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  const bool to_be_made = type == fs::file_type::regular || type == fs::file_type::directory ||
                          type == fs::file_type::not_found || type == fs::file_type::none;
  if (!to_be_made || is_descriptor(path)) {
    file.fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!file.fd_.valid()) return errno_error(errno, who, "a writable file", path);
    return file;
  }
  if (type == fs::file_type::regular && fs::is_symlink(path, error)) {
    file.path_ = fs::canonical(path, error);
    if (error) return errno_error(error.value(), who, "a writable file", path);
  }
  // A name of its own for each: processes in containers share numbers, threads share their process's.
  std::random_device random;
  do {
    file.temporary_ = file.path_.string() + ".tmp." + std::to_string(random());
    file.fd_ = UniqueFd(::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  } while (!file.fd_.valid() && errno == EEXIST);
  if (file.fd_.valid()) {
    // Who may read what was there may read what comes, and nobody else.
    struct stat there{};
    if (type == fs::file_type::regular && ::stat(file.path_.c_str(), &there) == 0)
      (void)!::fchmod(file.fd_.get(), there.st_mode & 0777U);
    return file;
  }
  const int number = errno;
  file.temporary_.clear();
  return errno_error(number, who, "a writable file", path);
}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(who_, other.who_);
  std::swap(fd_, other.fd_);
  return *this;
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) { return write_all(fd_.get(), bytes, path_); }

Result<void> OutputFile::sync() {
  if (!direct() && ::fsync(fd_.get()) != 0) return errno_error(errno, who_, "a writable file", path_);
  return {};
}

Result<void> OutputFile::finish() {
  fd_.reset();
  if (direct()) return {};
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return errno_error(errno, who_, "a replaceable file", path_);
  temporary_.clear();
  return {};
}

Result<void> write_file(const fs::path& path, std::string_view content) {
  SPEEDSTER_ASSIGN(OutputFile file, OutputFile::create(path, "files"));
  SPEEDSTER_TRY(file.write(std::as_bytes(std::span(content))));
  SPEEDSTER_TRY(file.sync());
  return file.finish();
}

namespace {

Result<void> sync_path(const fs::path& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return errno_error(errno, "files", "what can be synced", path);
  return {};
}

}  // namespace

Result<void> sync_directory(const fs::path& path) { return sync_path(path, O_DIRECTORY); }

Result<void> sync_tree(const fs::path& path) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const fs::file_type type = it->symlink_status(error).type();
    if (type == fs::file_type::directory) SPEEDSTER_TRY(sync_directory(it->path()));
    if (type == fs::file_type::regular) SPEEDSTER_TRY(sync_path(it->path(), O_NONBLOCK));
  }
  if (error) return errno_error(error.value(), "files", "a readable folder", path);
  return sync_directory(path);
}

Result<void> make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return errno_error(error.value(), "files", "a folder that can be made", path);
  return {};
}

Result<void> copy_file(const fs::path& from, const fs::path& to) {
  // Not std::filesystem's: it reports a full disk as an I/O error.
  SPEEDSTER_ASSIGN(const UniqueFd source, open_for_reading(from));
  struct stat status{};
  if (::fstat(source.get(), &status) != 0) return errno_error(errno, "files", "a readable file", from);
  UniqueFd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, status.st_mode & 0777));
  if (!target.valid()) return errno_error(errno, "files", "a writable file", to);
  ssize_t moved = 0;
  do moved = ::copy_file_range(source.get(), nullptr, target.get(), nullptr, std::size_t{1} << 30U, 0);
  while (moved > 0 || (moved < 0 && errno == EINTR));
  Result<void> copied =
      moved < 0 && errno == ENOSPC ? errno_error(errno, "files", "a writable file", to) : Result<void>();
  // The rest by hand: another file system, or one that cannot copy by itself. Both descriptors stand where it stopped.
  std::vector<std::byte> buffer(copied.ok() ? std::size_t{1} << 20U : 0);
  while (copied.ok()) {
    const Result<std::size_t> got = read_some(source.get(), buffer, from);
    if (got.ok() && *got == 0) return {};
    copied = got.ok() ? write_all(target.get(), std::span(buffer).first(*got), to) : got.error();
  }
  ::unlink(to.c_str());
  return copied;
}

Result<void> remove_directory(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return errno_error(error.value(), "files", "a folder that can be removed", path);
  return {};
}

Result<void> replace_directory(const fs::path& finished, const fs::path& to) {
  std::error_code error;
  const fs::path old = to.string() + ".old." + std::to_string(::getpid());
  const bool had = fs::exists(fs::symlink_status(to, error));
  // One step where the file system can: at no moment is there nothing.
  if (had && ::renameat2(AT_FDCWD, finished.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(finished, error);
    return {};
  }
  if (had) {
    fs::rename(to, old, error);
    if (error) return errno_error(error.value(), "files", "a replaceable folder", to);
  }
  fs::rename(finished, to, error);
  if (error) {
    const int number = error.value();
    if (had) fs::rename(old, to, error);
    return errno_error(number, "files", "a folder on the same file system as " + finished.string(), to);
  }
  if (had) fs::remove_all(old, error);
  return {};
}

Result<FileStamp> stamp_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno_error(errno, "files", "a file", path);
  return FileStamp{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                   std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<std::uint64_t> file_size(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return errno_error(error.value(), "files", "a readable file", path);
  return static_cast<std::uint64_t>(size);
}

std::uint64_t directory_size(const fs::path& path) {
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) && !it->is_symlink(ignored)) total += it->file_size(ignored);
  }
  return total;
}

Result<std::uint64_t> free_space(const fs::path& path) {
  fs::path existing = fs::absolute(path);
  std::error_code error;
  while (!fs::exists(existing, error) && existing.has_parent_path() && existing != existing.parent_path())
    existing = existing.parent_path();
  struct statvfs status{};
  if (::statvfs(existing.c_str(), &status) != 0) return errno_error(errno, "files", "a file system", path);
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

Result<fs::path> inside(const fs::path& root, std::string_view relative, std::string_view who) {
  auto refuse = [&](std::string_view why) {
    return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected a path inside " + root.string() +
                                          ", got \"" + std::string(relative) + "\" (" + std::string(why) +
                                          "); try a name in that folder");
  };
  if (relative.empty() || relative.find('\0') != std::string_view::npos) return refuse("empty or with a zero byte");
  const fs::path part(relative);
  if (part.is_absolute()) return refuse("absolute");
  fs::path current = root;
  for (const fs::path& component : part) {
    if (component.empty() || component == "." || component == "..") return refuse("it may not leave the folder");
    current /= component;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(current, error))) return refuse("a symbolic link");
  }
  return current;
}

Result<TempDir> TempDir::create(std::string_view prefix, const fs::path& parent) {
  fs::path base = parent;
  if (base.empty()) {
    const std::string tmp = environment("TMPDIR");
    base = tmp.empty() ? "/tmp" : tmp;
  }
  SPEEDSTER_TRY(make_directories(base));
  std::string pattern = (base / (std::string(prefix) + "XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) return errno_error(errno, "files", "a temporary folder", base);
  return TempDir(fs::path(pattern));
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<MappedFile> MappedFile::open(const fs::path& path) {
  SPEEDSTER_ASSIGN(UniqueFd fd, open_for_reading(path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "files", "a readable file", path);
  MappedFile file;
  file.size_ = static_cast<std::size_t>(status.st_size);
  if (file.size_ == 0) return file;
  void* data = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return errno_error(errno, "files", "a mappable file", path);
  file.data_ = data;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

void MappedFile::forget(std::size_t offset, std::size_t length) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = (offset + page - 1) / page * page;
  const std::size_t end = std::min(offset + length, size_) / page * page;
  if (data_ != nullptr && begin < end) ::madvise(static_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

namespace {

/// $HOME, else the home of the account; empty where there is neither.
fs::path home_directory() {
  if (const std::string home = environment("HOME"); !home.empty() && home.front() == '/') return home;
  std::vector<char> buffer(std::size_t{16} << 10U);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  while ((error = ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < (std::size_t{1} << 20U))
    buffer.resize(buffer.size() * 2);
  if (error != 0 || found == nullptr || entry.pw_dir == nullptr || entry.pw_dir[0] != '/') return {};
  return entry.pw_dir;
}

fs::path user_directory(const char* own, const char* xdg, const char* below_home) {
  if (const std::string value = environment(own); !value.empty()) return value;
  if (const std::string value = environment(xdg); !value.empty() && value.front() == '/')
    return fs::path(value) / "speedster";
  const fs::path home = home_directory();
  return (home.empty() ? fs::path("/dev/null/no-home-folder") : home) / below_home / "speedster";
}

}  // namespace

fs::path cache_directory() { return user_directory("SPEEDSTER_CACHE_DIR", "XDG_CACHE_HOME", ".cache"); }
fs::path state_directory() { return user_directory("SPEEDSTER_STATE_DIR", "XDG_STATE_HOME", ".local/state"); }
fs::path data_directory() { return user_directory("SPEEDSTER_DATA_DIR", "XDG_DATA_HOME", ".local/share"); }

}  // namespace speedster
