#include "hardware/cgroup.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace speedster::hardware {
namespace {

constexpr std::uint64_t kSmallFile = std::uint64_t{1} << 20U;

std::string text_of(const fs::path& path) {
  auto text = read_file(path, kSmallFile);
  return text ? *std::move(text) : std::string();
}
std::vector<std::string> lines_of(const fs::path& path) { return split(text_of(path), '\n'); }

std::optional<std::uint64_t> number_in(const fs::path& path) {
  return parse_number<std::uint64_t>(trim(text_of(path)));
}

/// The value of `key` in a file of "key value" lines.
std::uint64_t entry_in(const fs::path& path, std::string_view key) {
  for (const std::string& line : lines_of(path)) {
    const std::vector<std::string> words = split(trim(line), ' ');
    if (words.size() == 2 && words[0] == key) return parse_number<std::uint64_t>(words[1]).value_or(0);
  }
  return 0;
}

template <typename T>
void tighten(std::optional<T>& limit, T value) {
  limit = limit ? std::min(*limit, value) : value;
}

struct Hierarchy {
  std::string filesystem;                // "cgroup" or "cgroup2"
  std::vector<std::string> controllers;  // of version 1
  std::string mounted_root;              // the group that the mount point shows: not "/" in some containers
  std::string mount_point;
};

std::vector<Hierarchy> hierarchies(const fs::path& root) {
  std::vector<Hierarchy> found;
  // proc(5): ID parent major:minor ROOT MOUNT-POINT options [optional …] - TYPE source SUPER-OPTIONS
  for (const std::string& line : lines_of(root / "proc/self/mountinfo")) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> left = split(std::string_view(line).substr(0, dash), ' ');
    const std::vector<std::string> right = split(std::string_view(line).substr(dash + 3), ' ');
    if (left.size() < 6 || right.size() < 3 || !right[0].starts_with("cgroup")) continue;
    found.push_back({right[0], split(right[2], ','), left[3], left[4]});
  }
  return found;
}

/// The folders from this process's group up to the mount point.
std::vector<fs::path> folders(const fs::path& root, const Hierarchy& hierarchy, std::string_view group) {
  const std::string base = hierarchy.mounted_root == "/" ? "" : hierarchy.mounted_root;
  // A container may see the path of its group as the host names it, but mounts only what is below that.
  std::string_view below = group;
  if (!base.empty()) below = group.starts_with(base) ? group.substr(base.size()) : std::string_view{};
  const fs::path top = root / fs::path(hierarchy.mount_point).relative_path();
  std::vector<fs::path> found = {top};
  for (const std::string& part : split(below, '/')) {
    if (part.empty()) continue;
    if (part == ".." || part == ".") break;
    found.push_back(found.back() / part);
  }
  std::ranges::reverse(found);
  return found;
}

void read_version_2(const fs::path& folder, CgroupLimits& limits) {
  const std::vector<std::string> quota = split(trim(text_of(folder / "cpu.max")), ' ');
  if (quota.size() == 2) {
    const auto allowed = parse_number<double>(quota[0]), period = parse_number<double>(quota[1]);
    if (allowed && period && *allowed > 0 && *period > 0) tighten(limits.cores, *allowed / *period);
  }
  if (const auto limit = number_in(folder / "memory.max")) {
    tighten(limits.memory_bytes, *limit);
    const std::uint64_t used = number_in(folder / "memory.current").value_or(0);
    const std::uint64_t cache = entry_in(folder / "memory.stat", "inactive_file");
    const std::uint64_t held = used - std::min(used, cache);
    tighten(limits.memory_available, *limit - std::min(*limit, held));
  }
}

void read_version_1_cpu(const fs::path& folder, CgroupLimits& limits) {
  const auto quota = parse_number<double>(trim(text_of(folder / "cpu.cfs_quota_us")));
  const auto period = parse_number<double>(trim(text_of(folder / "cpu.cfs_period_us")));
  if (quota && period && *quota > 0 && *period > 0) tighten(limits.cores, *quota / *period);
}

void read_version_1_memory(const fs::path& folder, CgroupLimits& limits) {
  // Version 1 writes "no limit" as the largest multiple of a page below 2^63.
  constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 62U;
  const auto limit = number_in(folder / "memory.limit_in_bytes");
  if (!limit || *limit >= kUnlimited) return;
  tighten(limits.memory_bytes, *limit);
  const std::uint64_t used = number_in(folder / "memory.usage_in_bytes").value_or(0);
  const std::uint64_t cache = entry_in(folder / "memory.stat", "total_inactive_file");
  const std::uint64_t held = used - std::min(used, cache);
  tighten(limits.memory_available, *limit - std::min(*limit, held));
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  const std::vector<Hierarchy> mounted = hierarchies(root);
  // cgroups(7): "ID:controllers:path", "0::path" for version 2.
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::vector<std::string> controllers =
        split(std::string_view(line).substr(first + 1, second - first - 1), ',');
    const std::string_view group = std::string_view(line).substr(second + 1);
    for (const Hierarchy& hierarchy : mounted) {
      if (controllers.empty()) {
        if (hierarchy.filesystem != "cgroup2") continue;
        for (const fs::path& folder : folders(root, hierarchy, group)) read_version_2(folder, limits);
        continue;
      }
      const auto has = [&](std::string_view name) {
        return hierarchy.filesystem == "cgroup" && std::ranges::count(controllers, name) > 0 &&
               std::ranges::count(hierarchy.controllers, name) > 0;
      };
      if (has("cpu"))
        for (const fs::path& folder : folders(root, hierarchy, group)) read_version_1_cpu(folder, limits);
      if (has("memory"))
        for (const fs::path& folder : folders(root, hierarchy, group)) read_version_1_memory(folder, limits);
    }
  }
  return limits;
}

}  // namespace speedster::hardware
