#include "learner/program.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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

/// Starts the program in a group of its own, so that what it starts ends with it; it ends with the thread that started
/// it, however that ends. Returns its process.
Result<pid_t> start(const Program& program) {
  const std::string& path = program.arguments.front();
  const std::vector<char*> arguments = pointers(program.arguments), environment = pointers(program.environment);
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd output(::open(program.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  std::array<int, 2> ends{-1, -1};
  if (input.get() < 0 || output.get() < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0)
    return errno_error(errno, "program", "a file for the output", program.output);
  const UniqueFd failure(ends[0]);
  UniqueFd tell(ends[1]);
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) return errno_error(errno, "program", "a program that starts", path);
  if (child == 0) {  // nothing but calls that a signal handler may make
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    if (::dup2(input.get(), 0) >= 0 && ::dup2(output.get(), 1) >= 0 && ::dup2(output.get(), 2) >= 0)
      ::execve(path.c_str(), arguments.data(), environment.data());
    const int error = errno;
    (void)!::write(tell.get(), &error, sizeof(error));
    ::_exit(127);
  }
  tell.reset();
  int error = 0;
  ssize_t got = 0;
  while ((got = ::read(failure.get(), &error, sizeof(error))) < 0 && errno == EINTR) {
  }
  if (got != sizeof(error)) return child;
  ::waitpid(child, nullptr, 0);
  return errno_error(error, "program", "a program that starts", path);
}

/// Ends the group and reaps the program, unless that is done.
class Group {
 public:
  explicit Group(pid_t leader) : leader_(leader) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { end(); }
  /// Its end is seen before it is reaped: until then nobody else can have its number.
  bool ended() const {
    siginfo_t seen{};
    return ::waitid(P_PID, static_cast<id_t>(leader_), &seen, WEXITED | WNOHANG | WNOWAIT) == 0 && seen.si_pid != 0;
  }
  /// The program's status.
  int end() {
    if (leader_ <= 0) return 0;
    ::kill(-leader_, SIGKILL);
    int status = 0;
    while (::waitpid(leader_, &status, 0) < 0 && errno == EINTR) {
    }
    leader_ = 0;
    return status;
  }

 private:
  pid_t leader_;
};

}  // namespace

Result<int> run_program(const Program& program) {
  SPEEDSTER_ASSIGN(const pid_t child, start(program));
  Group group(child);
  for (const Deadline deadline = Deadline::in(program.seconds); !group.ended();) {
    if (deadline.passed())
      return Error(ErrorKind::kTimeout, "[program] expected " + program.arguments.front() +
                                            " to end, got none within " +
                                            std::to_string(static_cast<int>(program.seconds)) + " s");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const int status = group.end();
  if (WIFSIGNALED(status))
    return Error(ErrorKind::kCrashed, "[program] expected " + program.arguments.front() + " to end, got signal " +
                                          std::to_string(WTERMSIG(status)));
  return WEXITSTATUS(status);
}

}  // namespace speedster::learner
