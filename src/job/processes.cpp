#include "job/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/text.h"

namespace speedster::job {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// A file of /proc, at most `limit` bytes of it; such files have no size to ask for.
std::string read_proc(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd.valid()) return text;
  std::array<char, 4096> buffer{};
  while (text.size() < limit) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string of(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

/// "RssAnon:\t  112 kB" → 112 KiB in bytes.
std::uint64_t kilobytes(std::string_view status, std::string_view key) {
  const std::size_t at = status.find(key);
  if (at == std::string_view::npos) return 0;
  const std::string_view line = status.substr(at + key.size(), status.find('\n', at) - at - key.size());
  const std::string_view digits = trim(line.substr(0, line.find("kB")));
  return parse_number<std::uint64_t>(digits).value_or(0) * 1024;
}

}  // namespace

Process parse_stat(std::string_view line) {
  Process process;
  const std::size_t open = line.find('('), close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  const std::optional<pid_t> pid = parse_number<pid_t>(trim(line.substr(0, open)));
  const std::vector<std::string> fields = split(trim(line.substr(close + 1)), ' ');
  if (!pid || fields.size() < 3 || fields[0].size() != 1) return {};
  process.pid = *pid;
  process.state = fields[0][0];
  process.parent = parse_number<pid_t>(fields[1]).value_or(0);
  process.group = parse_number<pid_t>(fields[2]).value_or(0);
  return process;
}

std::vector<Process> read_processes() {
  std::vector<Process> processes;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir("/proc"));
  if (directory == nullptr) return processes;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::optional<pid_t> pid = parse_number<pid_t>(entry->d_name);
    if (!pid) continue;
    if (const Process process = parse_stat(read_proc(of(*pid, "stat"), 4096)); process.pid != 0)
      processes.push_back(process);
  }
  std::sort(processes.begin(), processes.end(), [](const Process& a, const Process& b) { return a.pid < b.pid; });
  return processes;
}

pid_t branch(const std::vector<Process>& processes, pid_t root, const Process& process) {
  Process current = process;
  // The bound ends the walk if a snapshot of moving processes should hold a circle.
  for (std::size_t steps = 0; steps <= processes.size(); ++steps) {
    if (current.parent == root) return current.pid;
    const auto parent = std::lower_bound(processes.begin(), processes.end(), current.parent,
                                         [](const Process& p, pid_t pid) { return p.pid < pid; });
    if (parent == processes.end() || parent->pid != current.parent) return 0;
    current = *parent;
  }
  return 0;
}

std::uint64_t unreclaimable_bytes(pid_t pid) {
  const std::string status = read_proc(of(pid, "status"), 8192);
  return kilobytes(status, "RssAnon:") + kilobytes(status, "RssShmem:");
}

std::string start_environment(pid_t pid, std::string_view name) {
  const std::string variables = read_proc(of(pid, "environ"), std::size_t{1} << 20U);
  for (const std::string& variable : split(variables, '\0'))
    if (variable.size() > name.size() && variable.starts_with(name) && variable[name.size()] == '=')
      return variable.substr(name.size() + 1);
  return {};
}

std::uint64_t oom_kills() {
  const std::string counters = read_proc("/proc/vmstat", std::size_t{64} << 10U);
  const std::string_view key = "\noom_kill ";
  const std::size_t at = counters.find(key);
  if (at == std::string::npos) return 0;
  const std::string_view value = std::string_view(counters).substr(at + key.size());
  return parse_number<std::uint64_t>(value.substr(0, value.find('\n'))).value_or(0);
}

}  // namespace speedster::job
