/// A block of timed calls (docs/design/measuring.md): a warm part, then the calls whose times count.
///
/// A *call* is: bind the next sample (memory of this process, copied before), run, look at the outputs. Outputs are
/// bound once to memory of the largest shapes seen in the warm part. Calls are stamped by the monotonic clock; calls
/// below 50 µs in batches of some 200 µs, whose mean is the stamp, because reading the clock costs tens of nanoseconds.
#pragma once
#include <cstdint>
#include <vector>

#include "worker/serve/loaded.h"

namespace speedster::worker {

struct BlockPlan {
  int warm_calls = 3;
  double warm_seconds = 0.02;
  int calls = 10;        ///< at least so many stamps …
  double seconds = 0.1;  ///< … and so long
  int slow_calls = 5;    ///< enough for calls longer than seconds / slow_calls
  int concurrency = 1;
  bool batches = true;  ///< false: a stamp for each call however short (tail)
  /// Of a mix: the timed part begins with one call of each shape, so that every block says something about each. False
  /// where calls have to come by share alone (tail).
  bool each_shape = true;
  /// Above 0: calls begin this far apart (later where one takes longer), and in between a job of the host walks through
  /// as much memory as the last cache has. Back-to-back calls flatter runtimes whose threads spin and whose data stays
  /// in the cache.
  double interval_seconds = 0;
};

struct BlockTimes {
  /// Seconds of each call, or mean of each batch; of all callers. Empty for a mix where some shapes
  /// came more often than their share.
  std::vector<double> calls;
  /// Seconds a call. One caller: the median of `calls`. N callers in closed loops: N / throughput, where the throughput
  /// is the sum of each caller's completed calls over its own time, so that a call cut by the end does not count. With
  /// an interval, which sets the throughput, the median too. Of a mix: the sum of each shape's share times its
  /// mean, which is N / throughput, too, were each called by its share (Little's law). The mean and not the median, for
  /// where one shape follows another calls may take longer, and that is a part of what the mix takes.
  double value = 0;
  std::uint64_t major_faults = 0;  ///< of the timed part, whole process
  double cpu_seconds = 0;          ///< of the whole block
  double call_cpu_seconds = 0;     ///< of the timed part for each call, without the host's job
};

Result<BlockTimes> run_block(Loaded& loaded, const CallInputs& inputs, const BlockPlan& plan);

/// The median; the mean of the middle two of an even count.
double median(std::vector<double> values);

}  // namespace speedster::worker
