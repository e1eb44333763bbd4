/// The processes of this machine as /proc shows them, and which of them descend from one.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace speedster::job {

struct Process {
  pid_t pid = 0, parent = 0, group = 0;
  char state = '?';  ///< 'R' 'S' 'D' 'T' (stopped) 'Z' (zombie) …
};

/// A snapshot. Processes that end meanwhile are missing or stale, those that start may be missing.
std::vector<Process> read_processes();

/// Fields of one line of /proc/PID/stat; pid 0 where it is malformed. The name in parentheses may hold anything.
Process parse_stat(std::string_view line);

/// The direct child of `root` from which `process` descends (itself perhaps), 0 if it does not descend from `root`.
pid_t branch(const std::vector<Process>& processes, pid_t root, const Process& process);

/// Memory that the kernel cannot drop: anonymous and shared-memory pages. Pages of mapped files do not count, because
/// models and samples are mapped and those pages can go at any time. 0 for a process that is gone.
std::uint64_t unreclaimable_bytes(pid_t pid);

/// A variable of the environment that the process was started with; empty if it has none or is not ours to read.
std::string start_environment(pid_t pid, std::string_view name);

/// How many processes the kernel's out-of-memory killer has ended on this machine so far; 0 where it does not tell.
std::uint64_t oom_kills();

}  // namespace speedster::job
