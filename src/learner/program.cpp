#include "learner/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "base/clock.h"
#include "base/files.h"

namespace speedster::learner {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// posix_spawn's settings, freed with the scope.
struct SpawnSettings {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

Result<int> run_program(const Program& program) {
  SpawnSettings settings;
  ::posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&settings.actions, 1, program.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ::posix_spawn_file_actions_adddup2(&settings.actions, 1, 2);
  // A group of its own, so that what it starts ends with it.
  ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setpgroup(&settings.attributes, 0);
  std::vector<char*> arguments = pointers(program.arguments), environment = pointers(program.environment);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.arguments.front().c_str(), &settings.actions, &settings.attributes,
                                  arguments.data(), environment.data());
  if (error != 0) return errno_error(error, "program", "a program that starts", program.arguments.front());
  const Deadline deadline = Deadline::in(program.seconds);
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR)
      return errno_error(errno, "program", "a child to wait for", program.arguments.front());
    if (deadline.passed()) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      return Error(ErrorKind::kTimeout, "[program] expected " + program.arguments.front() +
                                            " to end, got none within " +
                                            std::to_string(static_cast<int>(program.seconds)) + " s");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (WIFSIGNALED(status))
    return Error(ErrorKind::kCrashed, "[program] expected " + program.arguments.front() + " to end, got signal " +
                                          std::to_string(WTERMSIG(status)));
  return WEXITSTATUS(status);
}

}  // namespace speedster::learner
