#include "base/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/files.h"

namespace speedster {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

Result<ProcessGroup> ProcessGroup::start(const std::vector<std::string>& argv,
                                         const std::vector<std::string>& environment, int output,
                                         std::string_view who) {
  const std::vector<char*> arguments = pointers(argv), variables = pointers(environment);
  std::array<int, 2> ends{-1, -1};
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (input.get() < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, who, "a pipe", argv.front());
  const UniqueFd failure(ends[0]);
  UniqueFd tell(ends[1]);
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) return errno_error(errno, who, "a program that starts", argv.front());
  if (child == 0) {  // nothing but calls that a signal handler may make
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(input.get(), STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
        ::dup2(output, STDERR_FILENO) >= 0)
      ::execve(argv.front().c_str(), arguments.data(), variables.data());
    const int error = errno;
    (void)!::write(tell.get(), &error, sizeof(error));
    ::_exit(127);
  }
  tell.reset();
  int error = 0;
  ssize_t got = 0;
  while ((got = ::read(failure.get(), &error, sizeof(error))) < 0 && errno == EINTR) {
  }
  if (got != sizeof(error)) return ProcessGroup(child);
  ::waitpid(child, nullptr, 0);
  return errno_error(error, who, "a program that starts", argv.front());
}

ProcessGroup::~ProcessGroup() {
  kill();
  wait();
}

bool ProcessGroup::ended() const {
  siginfo_t seen{};
  return ::waitid(P_PID, static_cast<id_t>(leader_), &seen, WEXITED | WNOHANG | WNOWAIT) == 0 && seen.si_pid != 0;
}

void ProcessGroup::kill() const {
  if (leader_ > 0) ::kill(-leader_, SIGKILL);
}

int ProcessGroup::wait() {
  if (leader_ <= 0) return 0;
  siginfo_t seen{};
  while (::waitid(P_PID, static_cast<id_t>(leader_), &seen, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  kill();
  int status = 0;
  while (::waitpid(leader_, &status, 0) < 0 && errno == EINTR) {
  }
  leader_ = 0;
  return status;
}

}  // namespace speedster
