/// Ctrl-C: the first one asks a command that awaits it to end in good order, and ends any other with exit code 7; the
/// second one ends the process.
#pragma once
#include <atomic>
#include <chrono>
#include <thread>

#include "base/cancel.h"

namespace speedster::cli {

/// Installs the handler for SIGINT and SIGTERM and returns the flag that it raises. Children end with this process,
/// however it ends. `json`: an interrupt is also told on stdout.
const std::atomic<bool>* watch_interrupts(bool json);

/// As long as one lives, the command looks at the flag, and the first interrupt only raises it.
class AwaitsInterrupt {
 public:
  AwaitsInterrupt();
  AwaitsInterrupt(const AwaitsInterrupt&) = delete;
  AwaitsInterrupt& operator=(const AwaitsInterrupt&) = delete;
  ~AwaitsInterrupt();
};

/// Raises a token when such a flag rises, as long as it lives.
class TokenFollowsFlag {
 public:
  TokenFollowsFlag(const std::atomic<bool>* flag, CancelToken token) {
    if (flag == nullptr) return;
    thread_ = std::jthread([flag, token](const std::stop_token& stop) {
      while (!stop.stop_requested() && !*flag) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (*flag) token.cancel();
    });
  }

 private:
  AwaitsInterrupt awaits_;
  std::jthread thread_;
};

}  // namespace speedster::cli
