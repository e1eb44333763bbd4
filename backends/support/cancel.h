/// Ends a vendor's running execution from another thread: by the table's cancel entry or by a polled token.
#pragma once
#include <speedster/backend.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "support/run.h"

namespace speedster::plugin {

/// Whether a vendor remembers to stop once it was told, or only heeds what comes while it runs.
enum class StopKind { kSticky, kHeededWhileRunning };

/// Guards a vendor's "stop", which may outlive the execution that it ends (and must be taken back), or be lost in the
/// moment before the vendor begins. `stop` is never called outside an execution; end() says whether it was called.
class Stopper {
 public:
  Stopper(StopKind kind, std::function<void()> stop) : kind_(kind), stop_(std::move(stop)) {}

  void begin() { state_.store(kRunning); }
  /// True where this execution was told to stop. After it returns, `stop` is not running.
  bool end() {
    if (state_.exchange(kIdle) != kStopped) return false;
    const std::lock_guard wait(mutex_);  // whoever is inside request() is done
    return true;
  }
  /// Any thread; no effect where nothing runs. Where the vendor may miss it, returns when the execution has ended.
  void request() {
    const std::lock_guard lock(mutex_);
    int expected = kRunning;
    if (!state_.compare_exchange_strong(expected, kStopped)) return;
    stop_();
    while (kind_ == StopKind::kHeededWhileRunning && state_.load() == kStopped) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      stop_();
    }
  }

 private:
  enum : int { kIdle, kRunning, kStopped };
  StopKind kind_;
  std::function<void()> stop_;
  std::mutex mutex_;
  std::atomic<int> state_{kIdle};
};

/// Polls the token of a running execution every millisecond. Its thread starts with the first token ever watched, so
/// that callers without tokens pay nothing.
class TokenWatch {
 public:
  explicit TokenWatch(Stopper& stopper) : stopper_(stopper) {}
  TokenWatch(const TokenWatch&) = delete;
  TokenWatch& operator=(const TokenWatch&) = delete;
  ~TokenWatch() {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void begin(const sp_token* token) {
    const std::lock_guard lock(mutex_);
    token_ = token;
    if (!thread_.joinable()) thread_ = std::thread([this] { watch(); });
    changed_.notify_all();
  }
  /// After it returns the token is not looked at again. Call it after Stopper::end(), for which the watcher may wait.
  void end() {
    const std::lock_guard lock(mutex_);
    token_ = nullptr;
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    while (!quit_) {
      if (token_ == nullptr) {
        changed_.wait(lock);
        continue;
      }
      if (token_cancelled(token_)) {
        token_ = nullptr;
        stopper_.request();  // locked, so that it cannot reach a later execution
        continue;
      }
      changed_.wait_for(lock, std::chrono::milliseconds(1));
    }
  }

  Stopper& stopper_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const sp_token* token_ = nullptr;
  bool quit_ = false;
  std::thread thread_;
};

}  // namespace speedster::plugin
