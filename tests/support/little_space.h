/// A disk that is nearly full, for tests.
#pragma once
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

namespace speedster::test {

/// Room for a megabyte in `folder`: a file system of its own where we may mount one, else the size limit of a process's
/// files.
class LittleSpace {
 public:
  explicit LittleSpace(const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder);
    mounted_ = ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=1m") == 0;
    if (mounted_) return;
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit little{1'000'000, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
  }
  ~LittleSpace() {
    if (mounted_)
      ::umount2(folder_.c_str(), MNT_DETACH);
    else
      ::setrlimit(RLIMIT_FSIZE, &before_);
  }

 private:
  std::filesystem::path folder_;
  rlimit before_{};
  bool mounted_ = false;
};

}  // namespace speedster::test
