/// One load after another: every value that confirmation and comparison use comes from a process of its own.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "measure/rounds.h"
#include "measure/statistics.h"

namespace speedster::measure {

/// Something that is loaded afresh for each value.
struct Timed {
  const Load* load = nullptr;
  Seat seat;
  double expected_load = 0;  ///< seconds; 0 = unknown
  std::vector<double> logs;  ///< one value a load: the mean of its blocks' log seconds
  std::vector<double> load_seconds;
  std::vector<double> calls;  ///< a bounded random sample of all single calls
  std::uint64_t calls_seen = 0;
};

class FreshLoads {
 public:
  FreshLoads(const Policy& policy, Rounds& rounds) : policy_(policy), rounds_(rounds) {}

  /// Loads each, times them in interleaved blocks, unloads them. Adds one value to each that did not fail, or, where
  /// the time ends before all have one, to none. At most Policy::max_live are alive at once.
  Ended round(std::vector<Timed*> timed);
  /// What the next round should take at least (one block a load).
  double least_seconds(std::span<Timed* const> timed) const;
  /// What the next round will take, with as many blocks as a load deserves.
  double expected_seconds(std::span<Timed* const> timed) const;
  /// Rounds of loads that are complete.
  int complete() const { return complete_; }
  /// Blocks in each load; 1 until the first costs are known.
  int blocks() const { return std::max(blocks_, 1); }
  /// Expected variance of one value, with the blocks' part as measured within the loads, and its weight.
  Variance expected_value() const;
  /// The same of the difference of two values.
  Variance expected_difference() const;

 private:
  struct Costs {
    double loads = 0, blocks = 0;
  };
  Costs costs(std::span<Timed* const> timed) const;
  Ended load_group(std::span<Timed* const> group);
  void note_block_noise(const std::vector<std::vector<double>>& values);
  void keep_calls(Timed& timed, const std::vector<double>& calls);
  int blocks_for(std::span<Timed* const> all, std::span<Timed* const> group);

  const Policy& policy_;
  Rounds& rounds_;
  int complete_ = 0, blocks_ = 0;
  double block_squares_ = 0, block_df_ = 0;  // residuals of blocks within their loads
};

}  // namespace speedster::measure
