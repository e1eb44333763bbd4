#include "job/place.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace speedster::job {

bool share_blocks(const fs::path& from, const fs::path& to) {
  const UniqueFd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!source.valid() || !target.valid()) return false;
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return true;
  ::unlink(to.c_str());
  return false;
}

bool hard_link(const fs::path& from, const fs::path& to) {
  return ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

Result<void> place_tree(const fs::path& from, const fs::path& to) {
  SPEEDSTER_TRY(make_directories(to));
  std::error_code error;
  for (fs::recursive_directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    const fs::path place = to / it->path().lexically_relative(from);
    SPEEDSTER_TRY(make_directories(place.parent_path()));
    if (share_blocks(it->path(), place) || hard_link(it->path(), place)) continue;
    SPEEDSTER_TRY(speedster::copy_file(it->path(), place));
  }
  if (error) return errno_error(error.value(), "job", "a readable folder", from);
  return {};
}

}  // namespace speedster::job
