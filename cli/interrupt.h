/// Ctrl-C: the first one asks the command to end in good order, the second one ends the process.
#pragma once
#include <atomic>
#include <chrono>
#include <thread>

#include "base/cancel.h"

namespace speedster::cli {

/// Installs the handler for SIGINT and SIGTERM and returns the flag that it raises. Children are ended by their
/// watchdog, however this process ends.
const std::atomic<bool>* watch_interrupts();

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
  std::jthread thread_;
};

}  // namespace speedster::cli
