#include "job/exec.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "job/sanitizer.h"

namespace speedster::job {
namespace {

Error refused(std::string_view what) {
  return {errno_kind(errno), "[exec] expected to set " + std::string(what) + ", got: " + std::strerror(errno)};
}

Result<void> die_with(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return refused("the parent-death signal");
  // The parent may have died before the signal was asked for; then another process has adopted us.
  if (::getppid() != parent) ::_exit(128 + SIGKILL);
  return {};
}

Result<void> set_limit(int resource, rlim_t value, std::string_view what) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return refused(what);
  limit.rlim_cur = limit.rlim_max = std::min(value, limit.rlim_max);
  if (::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return refused(what);
  return {};
}

Result<void> confine(std::string_view list) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::string& text : split(list, ',')) {
    const std::optional<int> processor = parse_number<int>(text);
    if (!processor || *processor < 0 || *processor >= CPU_SETSIZE)
      return Error(ErrorKind::kUsage, "[exec] expected --processors=0,2,…, got " + std::string(list));
    CPU_SET(static_cast<std::size_t>(*processor), &set);
  }
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return refused("processors " + std::string(list));
  return {};
}

Result<void> write_to(std::string_view path) {
  const std::string name(path);
  const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0 || ::dup2(fd, STDOUT_FILENO) < 0) return refused("stdout to " + name);
  ::close(fd);
  return {};
}

void prefer_as_victim() {
  // If the machine runs out of memory, a candidate goes and not the user's process. Not vital: no error.
  if (std::FILE* file = std::fopen("/proc/self/oom_score_adj", "we")) {
    std::fputs("800", file);
    std::fclose(file);
  }
}

Result<void> apply(std::string_view key, std::string_view value) {
  const auto number = parse_number<std::uint64_t>(value);
  if (key == "--processors") return confine(value);
  if (key == "--stdout") return write_to(value);
  if (!number)
    return Error(ErrorKind::kUsage, "[exec] expected a number, got " + std::string(key) + "=" + std::string(value));
  if (key == "--parent") return die_with(static_cast<pid_t>(*number));
  if (key == "--memory") return kSanitized ? Result<void>() : set_limit(RLIMIT_DATA, *number, "the memory limit");
  if (key == "--nice") {
    if (::setpriority(PRIO_PROCESS, 0, static_cast<int>(*number)) != 0) return refused("niceness");
    return {};
  }
  if (key == "--wall") {
    ::alarm(static_cast<unsigned>(*number));  // survives exec; SIGALRM then ends the process
    return {};
  }
  return Error(ErrorKind::kUsage,
               "[exec] expected --parent, --memory, --nice, --processors, --stdout or --wall, got " + std::string(key));
}

}  // namespace

std::vector<std::string> limit_arguments(const Limits& limits, int parent, const std::vector<int>& processors,
                                         bool wall) {
  std::vector<std::string> arguments;
  if (parent > 0) arguments.push_back("--parent=" + std::to_string(parent));
  if (limits.memory_bytes > 0) arguments.push_back("--memory=" + std::to_string(limits.memory_bytes));
  if (limits.nice > 0) arguments.push_back("--nice=" + std::to_string(limits.nice));
  if (wall && limits.wall_seconds > 0)
    arguments.push_back("--wall=" + std::to_string(static_cast<std::uint64_t>(std::ceil(limits.wall_seconds))));
  if (!processors.empty()) {
    std::vector<std::string> numbers;
    for (const int processor : processors) numbers.push_back(std::to_string(processor));
    arguments.push_back("--processors=" + join(numbers, ","));
  }
  return arguments;
}

Result<std::vector<std::string>> limit_self(std::span<const std::string> arguments) {
  SPEEDSTER_TRY(set_limit(RLIMIT_CORE, 0, "no core files"));
  prefer_as_victim();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      if (i + 1 == arguments.size()) break;
      return std::vector<std::string>(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
    }
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos)
      return Error(ErrorKind::kUsage, "[exec] expected KEY=VALUE or --, got " + argument);
    SPEEDSTER_TRY(apply(std::string_view(argument).substr(0, equals), std::string_view(argument).substr(equals + 1)));
  }
  return Error(ErrorKind::kUsage, "[exec] expected a program after --, got nothing");
}

int become(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  std::fprintf(stderr, "[exec] expected a program that starts, got %s: %s\n", pointers[0], std::strerror(errno));
  return errno == ENOENT ? 127 : 126;
}

}  // namespace speedster::job
