#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "job/exec.h"
#include "job/wire.h"

namespace speedster::job {
namespace {

/// Only a refusal of memory says these words; what follows (abort, exit 1) is the vendor's own affair.
bool tells_of_memory(std::string_view log) {
  for (const std::string_view words :
       {"std::bad_alloc", "MemoryError", "Cannot allocate memory", "Failed to allocate memory"})
    if (log.find(words) != std::string_view::npos) return true;
  return false;
}

Fate fate_of(int signal, int code, std::string_view reason, bool oom, std::uint64_t limit, std::string_view log) {
  if (signal == SIGKILL && !reason.empty()) {
    if (reason == "timeout") return Fate::kTimeout;
    if (reason == "memory") return Fate::kOutOfMemory;
    return reason == "output" ? Fate::kSignal : Fate::kCancelled;
  }
  if (signal == SIGKILL && oom) return Fate::kOutOfMemory;  // none of ours: the kernel's killer was at work
  if (code == kOutOfMemoryExit) return Fate::kOutOfMemory;
  if (limit > 0 && (signal == SIGABRT || code != 0) && tells_of_memory(log)) return Fate::kOutOfMemory;
  if (signal != 0) return Fate::kSignal;
  return code == 0 ? Fate::kOk : Fate::kExit;
}

std::string human_bytes(std::uint64_t bytes) {
  std::array<char, 32> text{};
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000)
    std::snprintf(text.data(), text.size(), "%.1f GB", value / 1e9);
  else
    std::snprintf(text.data(), text.size(), "%.0f MB", value / 1e6);
  return text.data();
}

std::string human_seconds(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  return text.data();
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : std::string("SIG") + name;
}

std::string last_line(std::string_view log) {
  log = trim(log);
  std::string line(trim(log.substr(log.rfind('\n') + 1)));
  if (line.size() > 200) line = line.substr(0, 200) + " …";
  return line;
}

}  // namespace

Exit exit_of(const Json& event, std::uint64_t memory_limit_bytes, std::string log_tail) {
  Exit exit;
  const int signal = event.value("signal", 0), code = event.value("code", 0);
  const std::string reason = event.value("reason", "");
  exit.fate = fate_of(signal, code, reason, event.value("oom", false), memory_limit_bytes, log_tail);
  exit.code = signal != 0 ? signal : code;
  if (exit.fate == Fate::kSignal && reason == "output") exit.code = SIGXFSZ;  // as a file size limit would say it
  exit.peak_rss_bytes = event.value("peak", std::uint64_t{0});
  exit.wall_seconds = event.value("wall", 0.0);
  exit.cpu_seconds = event.value("cpu", 0.0);
  exit.memory_limit_bytes = memory_limit_bytes;
  exit.log_tail = std::move(log_tail);
  return exit;
}

std::string describe(const Exit& exit) {
  switch (exit.fate) {
    case Fate::kOk: return "ended well";
    case Fate::kExit: return "exited with code " + std::to_string(exit.code);
    case Fate::kSignal:
      if (exit.code == SIGXFSZ) return "wrote too much (SIGXFSZ)";
      return (exit.code == SIGKILL ? "was killed: " : "crashed: ") + signal_name(exit.code);
    case Fate::kTimeout: return "timed out after " + human_seconds(exit.wall_seconds);
    case Fate::kOutOfMemory:
      return "ran out of memory (" + human_bytes(exit.peak_rss_bytes) +
             (exit.memory_limit_bytes > 0 ? "; limit " + human_bytes(exit.memory_limit_bytes) : "") + ")";
    case Fate::kCancelled: return "was cancelled";
  }
  return "ended";
}

Error to_error(const Exit& exit, std::string_view who) {
  const ErrorKind kind = [&] {
    switch (exit.fate) {
      case Fate::kTimeout: return ErrorKind::kTimeout;
      case Fate::kOutOfMemory: return ErrorKind::kOutOfMemory;
      case Fate::kCancelled: return ErrorKind::kCancelled;
      case Fate::kSignal: return ErrorKind::kCrashed;
      default: return ErrorKind::kVendor;
    }
  }();
  std::string message = "[" + std::string(who) + "] expected an answer, got a child that " + describe(exit);
  const std::string line = last_line(exit.log_tail);
  if (exit.fate != Fate::kCancelled && !line.empty()) message += "; its last words: " + line;
  return {kind, std::move(message)};
}

}  // namespace speedster::job
