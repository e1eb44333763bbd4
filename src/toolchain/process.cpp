#include "toolchain/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
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

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  SpawnAttributes() { posix_spawnattr_init(&attributes_); }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

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

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ProcessResult> run_process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                                  const CancelToken& cancel, const std::function<void(std::string_view)>& line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "toolchain", "a pipe", argv.front());
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);

  SpawnActions actions;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), in.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), in.get(), STDERR_FILENO);
  SpawnAttributes attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(attributes.get(), &none);
  posix_spawnattr_setpgroup(attributes.get(), 0);
  posix_spawnattr_setflags(attributes.get(), POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);

  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, argv.front().c_str(), actions.get(), attributes.get(), pointers(argv).data(),
                                   pointers(environment).data());
  if (failed != 0) return errno_error(failed, "toolchain", "a program that starts", argv.front());
  in.reset();

  LineReader reader(line);
  std::vector<std::byte> buffer(std::size_t{16} << 10U);
  constexpr int kPollMilliseconds = 100;
  bool cancelled = false;
  while (true) {
    if (!cancelled && cancel.cancelled()) {
      cancelled = true;
      ::kill(-pid, SIGKILL);
    }
    pollfd poll{out.get(), POLLIN, 0};
    if (::poll(&poll, 1, kPollMilliseconds) <= 0) continue;
    Result<std::size_t> got = read_some(out.get(), buffer, argv.front());
    if (!got || *got == 0) break;
    reader.add({reinterpret_cast<const char*>(buffer.data()), *got});
  }
  reader.flush();
  const int code = wait_for(pid);
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
