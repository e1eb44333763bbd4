/// The measuring procedure of ARCHITECTURE.md ("How time is measured") over abstract runners, so that the same code drives
/// children and the simulation.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"

namespace speedster::measure {

/// What one block does: a warm part, then timed calls.
struct BlockSpec {
  int warm_calls = 3;
  double warm_seconds = 0.02;
  int calls = 10;
  double seconds = 0.1;
  int slow_calls = 5;              ///< for models whose calls exceed `seconds` / 5 or so
  int concurrency = 1;
};

struct Block {
  double value = 0;                ///< seconds a call: median (latency), or callers / throughput with concurrency
  std::vector<double> calls;       ///< seconds of each timed call (of each batch of calls below 50 µs)
  std::uint64_t major_faults = 0;
  double own_cpu_seconds = 0;
};

/// Something that can be timed: a loaded candidate in its child. block() resumes it, runs a block, and pauses it again.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual Result<Block> block(const BlockSpec& spec) = 0;
};

/// Loads a candidate afresh (a new process, from the saved form).
struct Loaded {
  std::unique_ptr<Runner> runner;
  double load_seconds = 0;
};
using Load = std::function<Result<Loaded>()>;

/// Share of core time that others took since the previous call; the machine's in production, scripted in simulation.
using ForeignShare = std::function<double()>;

struct Policy {
  BlockSpec block;
  std::vector<int> looks = {1, 4, 8, 16, 32};
  double drop_factor = 1.5;                  ///< beyond it after the first round a candidate leaves
  double alpha = 0.05;
  double load_sd = 0.015;                    ///< prior of the load-to-load standard deviation (log)
  int finalists = 4;
  int min_loads = 5, max_loads = 12;
  double equivalence = 0.02;
  double busy_share = 0.05, busy_rounds = 0.30;
  int max_dropped_in_a_row = 20;
  std::uint64_t seed = 0;
};

struct Interval { double value = 0, low = 0, high = 0; };  ///< a ratio and its two-sided 95 % interval

struct Entrant {
  std::string name;
  Load load;
  // Tie order among equivalents: less is safer, compared in this order.
  double drop = 0, memory = 0, size = 0;
};

enum class RaceFate { kFinalist, kSlower, kFarSlower, kFailed, kNotReached };
struct RaceRow {
  std::string name;
  RaceFate fate = RaceFate::kNotReached;
  std::string reason;                        ///< "1.34 times the leader (bound 1.28)", or the error
  std::optional<Error> error;
  double estimate = 0;                       ///< seconds a call, median of blocks
  int rounds = 0;
};
struct RaceResult {
  std::vector<RaceRow> rows;                 ///< order of the entrants
  int rounds = 0, dropped_rounds = 0;
  double noise_floor = 0;                    ///< |log ratio| of the original's two selves
  bool busy = false;                         ///< above 30 % of the rounds were dropped
};
/// `original` is loaded twice. The original is always among the finalists' comparison, never eliminated.
Result<RaceResult> race(const Entrant& original, std::vector<Entrant> entrants, const Policy& policy,
                        const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
                        const std::function<void(const RaceResult&)>& progress = {});

struct ConfirmRow {
  std::string name;
  std::vector<double> loads;                 ///< log seconds, one value a load
  std::vector<double> load_seconds;
  Interval speedup;                          ///< time of the original over time of this one
  Interval latency;                          ///< seconds
  std::string verdict;                       ///< "winner", "slower", "equivalent", "undecided", "failed"
  std::optional<Error> error;
  std::vector<double> calls;                 ///< a bounded sample of single calls, for percentiles
};
struct Confirmation {
  std::vector<ConfirmRow> rows;              ///< finalists, then the original last
  std::optional<std::size_t> winner;         ///< index into rows; absent = the original is the answer
  bool undecided = false;
  int dropped_rounds = 0, rounds = 0;
  bool busy = false;
};
Result<Confirmation> confirm(const Entrant& original, const std::vector<Entrant>& finalists, const Policy& policy,
                             const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
                             const std::function<void(const Confirmation&)>& progress = {});

/// `bench FIRST SECOND`: fresh loads in interleaved rounds until the interval is narrow or the deadline comes.
/// speedup = time of second over that of first.
struct Comparison {
  Interval speedup;
  Interval first_seconds, second_seconds;
  std::vector<double> first_calls, second_calls;
  int loads = 0, dropped_rounds = 0;
  bool busy = false;
};
Result<Comparison> compare(const Load& first, const Load& second, const Policy& policy, const ForeignShare& foreign,
                           const Deadline& deadline, const CancelToken& cancel);

}  // namespace speedster::measure
