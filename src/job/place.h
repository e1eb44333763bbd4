/// Files that appear at another place without their bytes being copied, where the file system can do that.
#pragma once
#include "base/files.h"

namespace speedster::job {

/// A new file that shares its blocks with `from` (reflink). False where the file system cannot.
bool share_blocks(const fs::path& from, const fs::path& to);
/// Another name of the file itself, not of a symbolic link that names it. False across file systems.
bool hard_link(const fs::path& from, const fs::path& to);
/// The regular files below `from`, as `to`: shared, linked or copied. `from` must not change afterwards.
Result<void> place_tree(const fs::path& from, const fs::path& to);

}  // namespace speedster::job
