/// What every child does to itself before anything else: posix_spawn cannot set limits, and nothing may run without
/// them.
#pragma once
#include <speedster/error.h>

#include <span>
#include <string>
#include <vector>

#include "job/supervisor.h"

namespace speedster::job {

/// A child that was refused memory ends with this code.
inline constexpr int kOutOfMemoryExit = 97;

/// The arguments between `exec` and `--` that make a child hold to `limits`. `parent`: whose death ends it, 0 =
/// nobody's; `processors`: what it is confined to, empty = nothing; `wall`: the limit on its time too (where no
/// watchdog keeps it).
std::vector<std::string> limit_arguments(const Limits& limits, int parent, const std::vector<int>& processors,
                                         bool wall);

/// Reads `[--parent=PID] [--memory=BYTES] [--nice=N] [--processors=0,2] [--stdout=FILE] [--wall=SECONDS] -- ARGV…`,
/// holds this process to it, and returns ARGV. No core files ever; the kernel's out-of-memory killer is pointed here.
/// Ends the process where the parent is dead already.
Result<std::vector<std::string>> limit_self(std::span<const std::string> arguments);

/// Becomes another program. Returns only where that failed: said on stderr, exit code 127 (not there) or 126.
int become(const std::vector<std::string>& argv);

}  // namespace speedster::job
