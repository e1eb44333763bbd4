#include "job/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace speedster::job {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(20);

/// The file may have been removed between opening and locking it; then the lock protects nothing.
bool still_there(int fd, const std::filesystem::path& path) {
  struct stat open{}, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& path, Mode mode, const Deadline& deadline,
                                const CancelToken& cancel) {
  while (true) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd.valid()) return errno_error(errno, "cache", "a lock file", path);
    while (::flock(fd.get(), (mode == Mode::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return errno_error(errno, "cache", "a file system with locks", path);
      if (cancel.cancelled())
        return Error(ErrorKind::kCancelled, "[cache] expected to wait for another search, got cancelled");
      if (deadline.passed())
        return Error(ErrorKind::kTimeout,
                     "[cache] expected another search to finish the same job in time, got none; "
                     "try a longer time budget");
      std::this_thread::sleep_for(kPoll);
    }
    if (still_there(fd.get(), path)) return FileLock(std::move(fd), path);
  }
}

std::optional<FileLock> FileLock::try_take(const std::filesystem::path& path, Mode mode) {
  Result<FileLock> lock = take(path, mode, Deadline::in(0), CancelToken());
  if (!lock) return std::nullopt;
  return std::move(lock).value();
}

void FileLock::share() const { ::flock(fd_.get(), LOCK_SH); }
void FileLock::remove() const { ::unlink(path_.c_str()); }

}  // namespace speedster::job
