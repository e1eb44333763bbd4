/// One execution: what the caller asks of it, and how another thread ends it.
#pragma once
#include <speedster/backend.h>

#include <atomic>
#include <cstddef>
#include <thread>

#include "support/error.h"

namespace speedster::plugin {

/// True where a struct that starts with its size is long enough to hold this member.
template <typename Struct, typename Member>
bool covers(const Struct& value, const Member& member) {
  const auto end =
      reinterpret_cast<const std::byte*>(&member) + sizeof(Member) - reinterpret_cast<const std::byte*>(&value);
  return value.size >= static_cast<std::size_t>(end);
}

/// The members of an sp_run that the caller's struct covers; NULL is all defaults.
struct RunRequest {
  const sp_token* token = nullptr;
  void (*done)(void*, sp_error*) = nullptr;
  void* user = nullptr;

  /// SP_UNSUPPORTED for a stream: host backends have none.
  static RunRequest from(const sp_run* run, const char* who) {
    RunRequest request;
    if (run == nullptr) return request;
    if (covers(*run, run->has_stream) && run->has_stream != 0)
      throw Failure(SP_UNSUPPORTED, std::string("[") + who + "] expected no stream, got one; try a device backend");
    if (covers(*run, run->token)) request.token = run->token;
    if (covers(*run, run->user)) {
      request.done = run->done;
      request.user = run->user;
    }
    return request;
  }
};

inline bool token_cancelled(const sp_token* token) {
  return token != nullptr && token->cancelled != nullptr && token->cancelled(token->user) != 0;
}

/// The cancel flag of a context: request() counts only between begin() and end(), so that it cannot reach a later run.
class CancelFlag {
 public:
  void begin() { state_.store(kRunning); }
  void end() { state_.store(kIdle); }
  /// True where a run was there to be cancelled.
  bool request() {
    int expected = kRunning;
    return state_.compare_exchange_strong(expected, kCancelled) || expected == kCancelled;
  }
  bool requested() const { return state_.load(std::memory_order_relaxed) == kCancelled; }

 private:
  enum : int { kIdle, kRunning, kCancelled };
  std::atomic<int> state_{kIdle};
};

}  // namespace speedster::plugin
