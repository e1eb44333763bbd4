/// Ctrl-C: the first one asks a command that awaits it to end in good order, and ends any other with exit code 7; the
/// second one ends the process.
#pragma once
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "base/cancel.h"

namespace speedster::cli {

/// Installs the handler for SIGINT and SIGTERM and returns the flag that it raises. Children end with this process,
/// however it ends. `json`: an interrupt is also told on stdout.
const std::atomic<bool>* watch_interrupts(bool json);

/// Says so and ends the process with exit code 7. Safe in a signal handler.
[[noreturn]] void end_as_interrupted();

/// As long as one lives, the command looks at the flag, and the first interrupt only raises it.
class AwaitsInterrupt {
 public:
  AwaitsInterrupt();
  AwaitsInterrupt(const AwaitsInterrupt&) = delete;
  AwaitsInterrupt& operator=(const AwaitsInterrupt&) = delete;
  ~AwaitsInterrupt();
};

/// Raises a token when such a flag rises, as long as it lives. With a patience the process ends as interrupted where
/// the command has not heeded it by then: a vendor may be at work that nobody can stop.
class TokenFollowsFlag {
 public:
  TokenFollowsFlag(const std::atomic<bool>* flag, const CancelToken& token,
                   std::optional<std::chrono::milliseconds> patience = std::nullopt) {
    if (flag == nullptr) return;
    thread_ = std::jthread([flag, token, patience](const std::stop_token& stop) {
      constexpr std::chrono::milliseconds kPoll(50);
      while (!stop.stop_requested() && !*flag) std::this_thread::sleep_for(kPoll);
      if (!*flag) return;
      token.cancel();
      for (auto waited = kPoll; patience && !stop.stop_requested(); waited += kPoll) {
        if (waited > *patience) end_as_interrupted();
        std::this_thread::sleep_for(kPoll);
      }
    });
  }

 private:
  AwaitsInterrupt awaits_;
  std::jthread thread_;
};

}  // namespace speedster::cli
