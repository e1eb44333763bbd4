/// `speedster bench`: two packages or model files against each other, or one or two at several batch sizes and numbers
/// of callers. Each fresh load is a child of its own, in interleaved rounds with the same threads and the same inputs.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "measure/race.h"
#include "samples/store.h"

namespace speedster::search {

struct BenchRequest {
  std::filesystem::path first, second;            ///< packages or ONNX files
  std::optional<samples::SampleOptions> samples;  ///< absent = those of the first that is a package, else random ones
  int threads = 0;                                ///< 0 = the cores that affinity and quota allow
  int concurrency = 1;
  double interval_seconds = 0;    ///< above 0: calls begin this far apart, with a job of the host between them
  std::optional<double> seconds;  ///< of wall time; absent = as many loads as the policy wants
  std::uint64_t seed = 0;
  CancelToken cancel;
  Log log;
};

/// What one of the two turned out to be.
struct BenchSide {
  std::string path;
  bool package = false;     ///< false: a model file, run by ONNX Runtime with all graph optimizations
  Json info;                ///< what the learner says: variant, precision that ran, threads, vendor
  double load_seconds = 0;  ///< median of the fresh loads
  std::uint64_t peak_memory = 0;
  double call_cpu_seconds = 0;  ///< CPU time of a call, median of the blocks
};

struct BenchResult {
  measure::Comparison comparison;  ///< speed-up of the first: time of the second over that of the first
  BenchSide first, second;
  std::size_t samples = 0;
  std::string samples_from;  ///< for people: "samples of rec.speedster"
  int threads = 0, concurrency = 1;
};

/// Kinds: bad input where the two have not the same inputs, and what loading and timing fail with.
Result<BenchResult> bench(const BenchRequest& request);

/// A sweep takes every combination of batch size and number of callers.
struct SweepRequest {
  BenchRequest bench;                 ///< without `concurrency`; `second` may be empty
  std::vector<std::int64_t> batches;  ///< rows of a call; empty = the samples as they are
  std::vector<int> concurrencies = {1};
};

/// One combination of one of the two.
struct SweepPoint {
  bool second = false;
  std::int64_t batch = 1;  ///< rows of a call; 0 where they differ from sample to sample
  int concurrency = 1;
  measure::Interval seconds;  ///< a call: the median of one caller, callers / throughput of several
  std::vector<double> calls;
  double rows_per_second = 0;  ///< of all callers together
  double call_cpu_seconds = 0;
  std::uint64_t peak_memory = 0;
  std::string error;  ///< set where it failed; the figures are 0 then
};

struct SweepResult {
  std::vector<SweepPoint> points;  ///< first, then second; each by batch, then by callers
  std::vector<BenchSide> sides;    ///< one or two; memory and CPU time are those of the first point that ran
  std::string samples_from;
  int threads = 0, loads = 0, dropped_rounds = 0;
  bool busy = false, cut = false;
};

/// A point that fails is told in its row. Kinds: as bench(), usage for batches that the model cannot have, timeout
/// where not every point was loaded once, and the failure of a side of which no point ran.
Result<SweepResult> sweep(const SweepRequest& request);

}  // namespace speedster::search
