#include "toolchain/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/clock.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX asks the program to declare it

namespace speedster::toolchain {

namespace {

constexpr std::size_t kTailBytes = 4096;

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

}  // namespace

Result<ProcessResult> run_process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                                  const CancelToken& cancel, const std::function<void(std::string_view)>& line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "toolchain", "a pipe", argv.front());
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  SPEEDSTER_ASSIGN(ProcessGroup group, ProcessGroup::start(argv, environment, in.get(), "toolchain"));
  in.reset();

  LineReader reader(line);
  std::vector<std::byte> buffer(std::size_t{16} << 10U);
  constexpr int kPollMilliseconds = 100;
  bool cancelled = false;
  // What the program left running may hold the pipe open after its end.
  constexpr double kPatienceSeconds = 1;
  Deadline patience;
  while (!patience.passed()) {
    if (!patience.limited() && group.ended()) patience = Deadline::in(kPatienceSeconds);
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
  const int status = group.wait();
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
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
