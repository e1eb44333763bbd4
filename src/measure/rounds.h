/// Rounds: one block of each seated runner in fresh random order, dropped whole when the machine was busy, never begun
/// when they cannot end in time. Race, confirmation and comparison are all made of them.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "measure/race.h"

namespace speedster::measure {

/// One loaded thing and what is known of its pace.
struct Seat {
  std::string name;
  std::unique_ptr<Runner> runner;
  double call_seconds = 0;     ///< the latest value, or the hint; 0 = unknown
  double block_seconds = 0;    ///< wall time of the latest block; 0 = none yet
  std::optional<Error> error;  ///< set when a load or a block failed; the runner is gone then
};

enum class Ended { kNot, kOutOfTime, kCancelled };

class Rounds {
 public:
  Rounds(const Policy& policy, const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel);

  double now() const { return policy_.clock(); }
  double started() const { return started_; }
  double left() const { return end_ - now(); }
  bool fits(double seconds) const { return seconds <= left(); }
  bool cancelled() const { return cancel_.cancelled(); }
  /// What the seat's next block should take at most, a margin included.
  double expected_block(const Seat& seat) const;
  double expected_round(std::span<Seat* const> seats) const;

  /// Loads into the seat; a failure is noted there. `expected` is the load's time if known; measured seconds come back.
  /// Neither begins nor fails where the deadline is too near.
  Ended load(Seat& seat, const Load& load, double expected, double* measured);

  /// Blocks of one kept round, in the order of the seats. Seats that fail have none and an error. When the time ends in
  /// the middle, the blocks so far come back with kOutOfTime.
  struct Round {
    std::vector<std::optional<Block>> blocks;
    Ended ended = Ended::kNot;
  };
  Round run(std::span<Seat* const> seats);

  int kept() const { return kept_; }
  int dropped() const { return dropped_; }
  /// More than the policy's share of the rounds was disturbed.
  bool busy() const;
  template <typename Values>
  void shuffle(Values& values) {
    std::shuffle(values.begin(), values.end(), random_);
  }
  std::mt19937_64& random() { return random_; }

 private:
  bool disturbed(const Round& round);
  /// Whether a runner failed because we were told to stop or the time is up: nothing to blame it for.
  bool cut_short(Ended& ended) const;

  const Policy& policy_;
  const ForeignShare& foreign_;
  const CancelToken& cancel_;
  double started_, end_;
  std::mt19937_64 random_;
  int kept_ = 0, dropped_ = 0, disturbed_ = 0, dropped_in_a_row_ = 0;
  double dropped_seconds_ = 0;
  bool give_in_ = false;  // rounds are kept as they are until a clean one comes
};

}  // namespace speedster::measure
