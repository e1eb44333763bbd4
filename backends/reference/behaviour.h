/// The test double in the reference backend: faults at a chosen place, busy time, noise, perturbed outputs.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>

#include "reference/value.h"
#include "support/options.h"

namespace speedster::reference {

using Poll = std::function<void()>;

/// What goes wrong, and where.
class Fault {
 public:
  /// SP_INVALID for a place that there is not.
  explicit Fault(const plugin::OptionValues& options);
  /// Goes wrong here if this is the place. `poll` throws once the caller has cancelled.
  template <typename PollFunction>
  void strike(std::string_view place, PollFunction&& poll) const {
    if (kind_ != Kind::kNone && place == place_) strike_now(std::ref(poll));
  }
  template <typename PollFunction>
  void strike_execution(std::uint64_t number, PollFunction&& poll) const {
    if (at_execution(number)) strike_now(std::ref(poll));
  }
  /// Makes finished outputs wrong, where the fault is of that kind.
  void spoil(const Value& output, std::uint64_t execution) const;

 private:
  enum class Kind { kNone, kCrash, kAbort, kExit, kHang, kStuck, kMemory, kWrong, kNan, kError };
  bool at_execution(std::uint64_t number) const {
    return kind_ != Kind::kNone && place_ == "execute" && (number_ == 0 || number_ == number);
  }
  void strike_now(const Poll& poll) const;

  Kind kind_ = Kind::kNone;
  std::string place_;
  std::uint64_t number_ = 0;
  std::uint64_t memory_mb_ = 0;
};

/// How long an execution takes beyond its computation. One for a model, used by all of its contexts.
class Delay {
 public:
  explicit Delay(const plugin::OptionValues& options);
  /// Seconds to be busy for inputs of so many elements; draws the next call's noise.
  double next(std::uint64_t elements);
  /// An execution ended now: the pause before the next one counts from here.
  void ended();

 private:
  using Clock = std::chrono::steady_clock;
  double factor(double sigma) { return sigma == 0 ? 1 : std::exp(sigma * normal_(random_)); }

  double base_, per_element_, sigma_call_, sigma_block_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double load_factor_ = 1, block_factor_ = 1;
  Clock::time_point last_end_;
};

/// Keeps a core busy for `seconds`; `poll` is called all the while.
template <typename PollFunction>
void stay_busy(double seconds, PollFunction&& poll) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) poll();
}

/// Sleeps for `milliseconds`, polling every few of them.
void take_time(std::int64_t milliseconds, const Poll& poll);

/// Multiplies floating-point elements by 1 ± `relative`, the sign alternating with the index.
void perturb(const Value& output, double relative);

/// `megabytes` of touched memory.
std::shared_ptr<void> hold_memory(std::int64_t megabytes);

}  // namespace speedster::reference
