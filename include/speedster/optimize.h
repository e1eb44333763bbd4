/// The search in C++: a model, samples and an accuracy budget in, a package and a report out.
#pragma once

#include <speedster/error.h>
#include <speedster/export.h>
#include <speedster/report.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace speedster {

/// What is going on, for a progress display. Strings are for people.
struct Progress {
  /// "model" "samples" "plan" "original" "check" "mix" "race" "tune" "judge" "confirm" "corners" "save"
  std::string stage;
  int candidates_done = 0, candidates_running = 0, candidates_total = 0;
  std::string best;  ///< name of the best so far, empty if none
  double best_speedup = 0;
  double elapsed_seconds = 0;
  std::optional<double> seconds_left;  ///< of the time budget
  std::string message;                 ///< an event worth a line ("openvino-bf16: 1.9x, drop 0.00001"), often empty
};

struct OptimizeRequest {
  std::string model;   ///< path of an ONNX file
  std::string output;  ///< path of the package; empty = no package is written
  // Samples.
  std::string data;    ///< npz, npy, safetensors, folder, or "random[:SEED]"
  std::string labels;  ///< npy, or text with a line a sample; empty = none
  /// Of a call, by input: its batch size, and opt of the other dynamic axes.
  std::map<std::string, std::vector<std::int64_t>> shapes;
  /// Where calls come in several shapes: each with its share, relative to the others'. Timed is that mix, made from the
  /// samples by repeating and cropping; accuracy is judged on the samples as they are (random ones have the shape with
  /// the largest share). In place of `shapes`; 16 at most.
  struct ShapeShare {
    std::map<std::string, std::vector<std::int64_t>> shapes;  ///< of a call, by input
    double share = 1;
  };
  std::vector<ShapeShare> shape_mix;
  std::map<std::string, std::pair<double, double>> ranges;  ///< of "random" samples, by input: lowest, highest
  struct AxisRange {
    std::int64_t min = 1, opt = 1, max = 1;  ///< 1 <= min <= opt <= max
  };
  std::map<std::string, AxisRange> axes;  ///< of dynamic axes by their symbolic name; sizes in the samples widen it
  // Accuracy.
  /// "cosine" "relative_l2" "mse" "numeric_precision", or against labels "accuracy" "top_k:K"; empty = cosine.
  /// docs/metrics.md has the formulas.
  std::string metric;
  /// argv of an external metric; `{original}` `{candidate}` `{labels}` `{indices}` stand for the files
  std::vector<std::string> metric_command;
  std::optional<double> metric_drop;  ///< the budget, at least 0; none or 0: only full precision may win
  /// Between 0.5 and 1: the upper bound of the drop's interval decides, not the estimate; takes 32 samples or more.
  std::optional<double> metric_confidence;
  std::string output_name;  ///< judge by this output only
  // Limits beside accuracy: who is above one may not win, and the report says what allowing it would bring.
  std::optional<double> max_p99_seconds;          ///< 99th percentile of a call
  std::optional<double> max_load_seconds;         ///< from the saved form in a fresh process
  std::optional<std::uint64_t> max_memory_bytes;  ///< resident at most, in a process that serves it
  std::optional<std::uint64_t> max_size_bytes;    ///< of the model's files
  // What is tried.
  std::vector<std::string> backends;  ///< empty = all
  /// "fp32" "bf16" "fp16" "dynamic-int8" "static-int8", and "weights-int8" "weights-int4" (weights alone, in blocks);
  /// empty = all but the last two
  std::vector<std::string> precisions;
  std::vector<std::string> exclude;  ///< candidates, or the stages "corners", "mix", "tune", to leave out (patterns)
  std::vector<std::string> exclude_nodes;   ///< node names or patterns that stay in full precision
  std::vector<std::string> disable_passes;  ///< of the lossless rewriting, by name, or "all"
  std::string priors;                       ///< JSON file in place of the built-in order of candidates
  std::string candidates;                   ///< JSON file with an explicit list in place of the plan
  /// The report of an earlier search: its winning chain is repeated in place of a search, judged and confirmed on this
  /// model. What this request leaves empty (samples, metric, budget, threads) is the report's too.
  std::string recipe;
  // Session.
  int threads = 0;                             ///< 0 = the cores that affinity and quota allow
  std::map<std::string, std::string> session;  ///< spinning, arena, optimization level, …
  int concurrency = 1;                         ///< callers at once that are timed, each with a context of its own
  /// Above 0: timed calls begin this far apart, and a job of the host that fills the cache runs between them.
  double interval_seconds = 0;
  /// "latency" of a call, the default, or "throughput": as many callers as cores, where `concurrency` says no more.
  std::string objective;
  // Bounds.
  std::optional<double> time_budget_seconds;  ///< wall time until the package is complete; none = until all is tried
  double candidate_timeout_seconds = 600;
  std::uint64_t memory_limit_bytes = 0;  ///< of a child; 0 = four fifths of what is available
  std::uint64_t seed = 0;                ///< of the split of the samples, and of every draw
  bool use_cache = true;                 ///< false: nothing is taken from earlier searches nor kept for later ones
  std::string command_line;              ///< as typed, for the report's "command that accepts it"
  // Callbacks. `progress` is called from the calling thread, `log` from any, `cancel` some thirty times a second from a
  // thread of the search's own; what the latter two throw is lost.
  std::function<void(const Progress&)> progress;
  std::function<void(int level, const std::string&)> log;  ///< level: 0 debug, 1 info, 2 warning, 3 error
  std::function<bool()> cancel;                            ///< true: stop, and package the best that was confirmed
};

/// Runs the whole search. The error kinds are those that the command's exit codes are made of.
/// A report with outcome "original kept", "time" or "cancelled" is a value, not an error.
SPEEDSTER_API Result<Report> optimize(const OptimizeRequest& request);

}  // namespace speedster
