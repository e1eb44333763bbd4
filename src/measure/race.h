/// The measuring procedure of docs/design/measuring.md over abstract runners, so that the same code
/// drives children and the simulation.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"

namespace speedster::measure {

/// Calls of one shape among those that are timed.
struct CallShape {
  std::string name;                     ///< for people: "tokens=1x128"
  std::map<std::string, Shape> shapes;  ///< of all inputs
  double share = 1;                     ///< of the calls; those of all add up to 1
};

/// What one block does: a warm part, then timed calls.
struct BlockSpec {
  int warm_calls = 3;
  double warm_seconds = 0.02;
  int calls = 10;
  double seconds = 0.1;
  int slow_calls = 5;  ///< for models whose calls exceed `seconds` / 5 or so
  int concurrency = 1;
  /// Above 0: calls begin this far apart, and a job of the host that fills the cache runs between them.
  double interval_seconds = 0;
  /// Not null: calls have these shapes, made from the samples, in place of the samples' own.
  std::shared_ptr<const std::vector<CallShape>> mix;
};

struct Block {
  /// Seconds a call: the median (latency), or callers / throughput with concurrency and no interval. Of a mix: each
  /// shape's mean, weighed by its share.
  double value = 0;
  /// Seconds of each timed call (of each batch of calls below 50 µs). Empty for a mix: a block begins with one
  /// call of each shape, so that its calls are no sample of the mix.
  std::vector<double> calls;
  std::uint64_t major_faults = 0;
  double own_cpu_seconds = 0;
  double call_cpu_seconds = 0;  ///< CPU time of a call, what its vendor's threads spin between calls included
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
  /// Beyond it after the first round a candidate leaves; up to twice that, only after another block.
  double drop_factor = 1.5;
  double alpha = 0.05;
  /// What is expected of a machine before it is measured: standard deviations (log) between loads and between blocks,
  /// and how many degrees of freedom that expectation weighs.
  double load_sd = 0.015, block_sd = 0.02, expectation_df = 4;
  int finalists = 4;
  int min_loads = 5, max_loads = 12;
  std::vector<int> confirm_looks = {3, 5, 8, 12};  ///< before min_loads only the clearly slower leave
  int blocks_per_load = 0;                         ///< 0: what the costs of loads and blocks make best, at most 4
  double equivalence = 0.02;
  double busy_share = 0.05, busy_rounds = 0.30;
  int max_dropped_in_a_row = 20;
  double max_dropped_seconds = 6;  ///< so long in a row, whatever the number of rounds
  int max_live = 16;               ///< children alive at once, the original's two among them; at least 4
  /// Soft ends, looked at between rounds: the race ends at the first look that leaves no time for the next one, the
  /// confirmation after min_loads. 0 = none. Deadlines end everything at once.
  double race_seconds = 12, confirm_seconds = 18;
  int compare_loads = 10;  ///< of each side in compare()
  std::uint64_t seed = 0;
  std::function<double()> clock = now_seconds;  ///< a simulation brings its own
};

struct Interval {
  double value = 0, low = 0, high = 0;
};  ///< a ratio and its two-sided 95 % interval

struct Entrant {
  std::string name;
  Load load;
  // Tie order among equivalents: less is safer, compared in this order.
  double drop = 0, memory = 0, size = 0;
  // What is known of it already, so that no deadline is overrun by a first block or load; 0 = unknown.
  double call_seconds = 0, load_seconds = 0;
  /// False: confirmed for its ratio to the original only (what a budget excludes, and what it would bring). It neither
  /// leads nor wins, and a deadline leaves it out first.
  bool may_win = true;
  /// It may yet break a budget: who is far behind it and not far behind the fastest of the others stays in the race
  /// until a look with bounds, so that something is known of those should it fall.
  bool may_fall = false;
};

enum class RaceFate { kFinalist, kSlower, kFarSlower, kFailed, kNotReached };
struct RaceRow {
  std::string name;
  RaceFate fate = RaceFate::kNotReached;
  std::string reason;  ///< "1.34 times the leader (bound 1.28)", or the error
  std::optional<Error> error;
  double estimate = 0;  ///< seconds a call, median of blocks
  double load_seconds = 0;
  int rounds = 0;
  int heat = 0;              ///< the last that it ran in
  std::vector<double> logs;  ///< log seconds of each of that heat's rounds, from the first
};
struct RaceResult {
  std::vector<RaceRow> rows;  ///< order of the entrants
  int rounds = 0, dropped_rounds = 0;
  double noise_floor = 0;       ///< |log ratio| of the original's two selves
  double block_sd = 0;          ///< standard deviation (log) between blocks of one load, 0 = not known
  double load_sd = 0;           ///< between loads, 0 = not known
  double original_seconds = 0;  ///< seconds a call, median of both selves' blocks
  double original_load_seconds = 0;
  bool busy = false;  ///< above 30 % of the rounds were dropped
  bool cut = false;   ///< a deadline ended it early
};
/// `original` is loaded twice and never eliminated, but it may be the leader that others are slower than; without a
/// finalist, the original is the answer. Entrants that matter most come first: a deadline may leave the last ones
/// unreached. Fails if the original does, or when cancelled.
Result<RaceResult> race(const Entrant& original, const std::vector<Entrant>& entrants, const Policy& policy,
                        const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
                        const std::function<void(const RaceResult&)>& progress = {});
/// Whether `row` would have left the race at its last look if `leader` had led it, by what both did in the same rounds:
/// for whoever leads when the first has fallen. False where they share no heat, or no more than the first look.
bool loses_to(const RaceRow& row, const RaceRow& leader, const RaceResult& result, const Policy& policy);

struct ConfirmRow {
  std::string name;
  std::vector<double> loads;  ///< log seconds, one value a load
  std::vector<double> load_seconds;
  Interval speedup;  ///< time of the original over time of this one
  Interval latency;  ///< seconds
  /// "winner", or what it is beside the winner: "slower", "equivalent", "undecided"; "excluded" if it may not win; or
  /// "failed".
  std::string verdict;
  std::optional<Error> error;
  std::vector<double> calls;  ///< a bounded sample of single calls, for percentiles
};
struct Confirmation {
  std::vector<ConfirmRow> rows;       ///< finalists, then the original last
  std::optional<std::size_t> winner;  ///< index into rows; absent = the original is the answer
  bool undecided = false;             ///< some finalist is neither slower than the answer nor equivalent
  int dropped_rounds = 0, rounds = 0;
  bool busy = false;
  bool cut = false;  ///< a deadline or a cancellation ended it early, or left finalists out
};
/// New timings only: fresh loads of the finalists and the original in interleaved rounds. A deadline or a cancellation
/// ends it with the loads that there are; it fails if there is not one of each. Without finalists it times the original
/// alone.
Result<Confirmation> confirm(const Entrant& original, const std::vector<Entrant>& finalists, const Policy& policy,
                             const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
                             const std::function<void(const Confirmation&)>& progress = {});

/// `bench FIRST SECOND`: Policy::compare_loads fresh loads of both, or as many as the deadline lets in (two at least).
/// The number is fixed beforehand: stopping when the interval looks narrow would make it lie. speedup = time of second
/// over that of first.
struct Comparison {
  Interval speedup;
  Interval first_seconds, second_seconds;
  std::vector<double> first_calls, second_calls;
  int loads = 0, dropped_rounds = 0;
  bool busy = false;
};
Result<Comparison> compare(const Load& first, const Load& second, const Policy& policy, const ForeignShare& foreign,
                           const Deadline& deadline, const CancelToken& cancel);

/// What a measurement will cost, so that a search can hold time back. Seconds of one candidate: a call, a load.
struct Cost {
  double call_seconds = 0, load_seconds = 0;
};
/// The race of `entrants` as it mostly goes: a first round of all, three more of those near the fastest.
double expected_race_seconds(const Policy& policy, const Cost& original, const std::vector<Cost>& entrants);
/// The confirmation with `loads` loads each; 2 is the least that says anything.
double expected_confirm_seconds(const Policy& policy, const Cost& original, const std::vector<Cost>& finalists,
                                int loads);
/// Race and confirmation of the fastest of `entrants`, min_loads each.
double expected_seconds(const Policy& policy, const Cost& original, const std::vector<Cost>& entrants);

}  // namespace speedster::measure
