/// Limits that control groups (version 1 and 2) put on this process.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace speedster::hardware {

struct CgroupLimits {
  std::optional<double> cores;                    ///< processor quota over its period, the tightest up the hierarchy
  std::optional<std::uint64_t> memory_bytes;      ///< the tightest limit
  std::optional<std::uint64_t> memory_available;  ///< the least of limit − (usage − inactive file cache)
};

/// Reads proc/self/cgroup, proc/self/mountinfo and the controllers' files under `root`, which is "/" except in tests.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

}  // namespace speedster::hardware
