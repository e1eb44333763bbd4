/// Locks between processes: flock on a file of its own, given up by the kernel when the process ends.
#pragma once
#include <filesystem>
#include <optional>

#include "base/files.h"

namespace speedster {

class FileLock {
 public:
  enum class Mode { kShared, kExclusive };
  /// Nothing where someone else holds it. Kinds: permission, no space.
  static Result<std::optional<FileLock>> try_take(const std::filesystem::path& path, Mode mode);
  /// Others may share it from now on. Not atomic: check again what the lock protects.
  void share() const;
  /// Removes the file; only with an exclusive lock. Those who wait notice and make another.
  void remove() const;

 private:
  FileLock(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::filesystem::path path_;
};

}  // namespace speedster
