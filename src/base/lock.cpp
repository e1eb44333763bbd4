#include "base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace speedster {
namespace {

/// The file may have been removed between opening and locking it; then the lock protects nothing.
bool still_there(int fd, const std::filesystem::path& path) {
  struct stat open{}, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

}  // namespace

Result<std::optional<FileLock>> FileLock::try_take(const std::filesystem::path& path, Mode mode) {
  const int operation = (mode == Mode::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  while (true) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd.valid()) return errno_error(errno, "files", "a lock file", path);
    int result = 0;
    do result = ::flock(fd.get(), operation);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) return std::optional<FileLock>();
    if (result != 0) return errno_error(errno, "files", "a file system with locks", path);
    if (still_there(fd.get(), path)) return std::optional<FileLock>(FileLock(std::move(fd), path));
  }
}

void FileLock::share() const { ::flock(fd_.get(), LOCK_SH); }
void FileLock::remove() const { ::unlink(path_.c_str()); }

}  // namespace speedster
