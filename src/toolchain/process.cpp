#include "toolchain/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/files.h"
#include "base/text.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX asks the program to declare it

namespace speedster::toolchain {

namespace {

constexpr std::size_t kTailBytes = 4096;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// Cuts a stream into lines and keeps its tail.
class LineReader {
 public:
  explicit LineReader(const std::function<void(std::string_view)>& line) : line_(line) {}
  void add(std::string_view bytes) {
    tail_.append(bytes);
    if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
    for (char c : bytes) {
      if (c == '\n' || c == '\r')
        flush();
      else if (partial_.size() < kTailBytes)
        partial_ += c;
    }
  }
  void flush() {
    if (line_ && !partial_.empty()) line_(partial_);
    partial_.clear();
  }
  std::string tail() const { return tail_.size() > kTailBytes ? tail_.substr(tail_.size() - kTailBytes) : tail_; }

 private:
  const std::function<void(std::string_view)>& line_;
  std::string partial_, tail_;
};

/// Starts a program in a group of its own, with `output` as stdout and stderr. It ends with the thread that started it,
/// however that ends. Returns its process.
Result<pid_t> start(const std::vector<std::string>& argv, const std::vector<std::string>& environment, int output) {
  const std::vector<char*> arguments = pointers(argv), variables = pointers(environment);
  std::array<int, 2> ends{-1, -1};
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (input.get() < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0)
    return errno_error(errno, "toolchain", "a pipe", argv.front());
  const UniqueFd failure(ends[0]);
  UniqueFd tell(ends[1]);
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) return errno_error(errno, "toolchain", "a program that starts", argv.front());
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
  if (got != sizeof(error)) return child;
  ::waitpid(child, nullptr, 0);
  return errno_error(error, "toolchain", "a program that starts", argv.front());
}

/// Ends the group of a program and reaps it, unless that is done.
class Group {
 public:
  explicit Group(pid_t leader) : leader_(leader) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    kill();
    wait();
  }
  void kill() const {
    if (leader_ > 0) ::kill(-leader_, SIGKILL);
  }
  /// The leader's exit code. What it left running is killed while its number is still its own.
  int wait() {
    if (leader_ <= 0) return 0;
    siginfo_t seen{};
    while (::waitid(P_PID, static_cast<id_t>(leader_), &seen, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    kill();
    int status = 0;
    while (::waitpid(leader_, &status, 0) < 0 && errno == EINTR) {
    }
    leader_ = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t leader_;
};

}  // namespace

Result<ProcessResult> run_process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                                  const CancelToken& cancel, const std::function<void(std::string_view)>& line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "toolchain", "a pipe", argv.front());
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  SPEEDSTER_ASSIGN(const pid_t pid, start(argv, environment, in.get()));
  Group group(pid);
  in.reset();

  LineReader reader(line);
  std::vector<std::byte> buffer(std::size_t{16} << 10U);
  constexpr int kPollMilliseconds = 100;
  bool cancelled = false;
  while (true) {
    if (!cancelled && cancel.cancelled()) {
      cancelled = true;
      group.kill();
    }
    pollfd poll{out.get(), POLLIN, 0};
    if (::poll(&poll, 1, kPollMilliseconds) <= 0) continue;
    Result<std::size_t> got = read_some(out.get(), buffer, argv.front());
    if (!got || *got == 0) break;
    reader.add({reinterpret_cast<const char*>(buffer.data()), *got});
  }
  reader.flush();
  const int code = group.wait();
  if (cancelled) return Error(ErrorKind::kCancelled, "[toolchain] cancelled while " + argv.front() + " ran");
  return ProcessResult{code, reader.tail()};
}

std::vector<std::string> python_environment() {
  // pip's index, proxy and certificate settings stay; what would redirect the interpreter or the installation goes.
  constexpr std::array<std::string_view, 12> kDropped = {
      "PYTHONPATH=",     "PYTHONHOME=",         "PYTHONSTARTUP=", "PYTHONUSERBASE=",         "VIRTUAL_ENV=",
      "PIP_TARGET=",     "PIP_PREFIX=",         "PIP_USER=",      "PIP_REQUIRE_VIRTUALENV=", "PIP_REQUIREMENT=",
      "PIP_CONSTRAINT=", "__PYVENV_LAUNCHER__="};
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool dropped = false;
    for (std::string_view prefix : kDropped) dropped = dropped || text.starts_with(prefix);
    if (!dropped) result.emplace_back(text);
  }
  result.emplace_back("PIP_DISABLE_PIP_VERSION_CHECK=1");
  result.emplace_back("PIP_NO_INPUT=1");
  return result;
}

fs::path find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return name;
  const std::string path = environment("PATH");
  for (const std::string& folder : split(path.empty() ? "/usr/local/bin:/usr/bin:/bin" : path, ':')) {
    const fs::path candidate = fs::path(folder) / name;
    if (!folder.empty() && candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

}  // namespace speedster::toolchain
