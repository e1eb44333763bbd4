/// The report of a search as values; schemas/report.schema.json describes its JSON form.
#pragma once

#include <speedster/error.h>
#include <speedster/export.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace speedster {

/// A figure with its two-sided 95 % interval.
struct Figure {
  double value = 0;
  std::optional<double> low, high;
};

/// What became of a candidate.
enum class CandidateFate {
  kWinner,      ///< in the package, first variant
  kEquivalent,  ///< as fast as the winner, not chosen
  kSlower,      ///< qualified, slower than the winner
  kUndecided,   ///< qualified, not separated from the winner
  kSlowerThanOriginal,
  kOverBudget,   ///< loses more than the budget allows
  kOverLimit,    ///< larger, slower to load or with a longer tail than allowed
  kReduced,      ///< reduced precision where only full precision may win
  kNotJudged,    ///< accuracy not judged (random samples)
  kFailed,       ///< crashed, timed out, out of memory, vendor error, wrong shapes
  kNotPossible,  ///< cannot work here, known beforehand
  kNotTried,     ///< time or cancelled
  kOriginal,     ///< no candidate: what they are measured against
};
SPEEDSTER_API const char* fate_name(CandidateFate fate);

/// One row: a chain of steps, a backend and session options.
struct CandidateRow {
  std::string name;  ///< "openvino-int8-static-minmax"
  std::string backend, backend_version, vendor_library;
  std::vector<std::string> techniques;  ///< for people
  std::string requested_precision;      ///< as --precisions names it: "static-int8"
  std::string ran_precision;            ///< from the vendor's executed graph, "unknown" where it cannot tell
  std::map<std::string, std::string> options;
  int threads = 0;
  CandidateFate fate = CandidateFate::kNotTried;
  std::string reason;                    ///< one sentence
  std::optional<Figure> latency_median;  ///< seconds
  std::optional<double> latency_p90, latency_p99;
  std::optional<std::pair<double, double>> latency_p90_interval, latency_p99_interval;  ///< 95 %, order statistics
  std::optional<Figure> throughput;                                                     ///< samples a second
  std::optional<Figure> speedup;       ///< against the faster of the originals, from the confirmation only
  std::optional<double> race_latency;  ///< seconds, from the race: for the plot, never for a claim
  std::uint64_t model_bytes = 0, peak_memory_bytes = 0;
  std::optional<double> load_seconds, prepare_seconds;
  /// CPU time of a call over all cores, with what threads of the vendor spin while they wait for the next.
  std::optional<double> call_cpu_seconds;
  std::optional<Figure> drop;  ///< in the user's metric, judging samples where judged
  bool drop_independent = true;
  std::string drop_note;  ///< "held by the estimate only", "not independent", …
  double relative_l2 = 0;
  std::optional<double> psnr;  ///< dB of the worst output, infinity where it is equal; shown only
  std::string job_directory;   ///< with repro.sh, where something failed
  bool on_front = false;       ///< no other candidate is faster and more accurate
};

struct CornerRow {
  std::string name;  ///< "batch=1 width=320"
  std::optional<double> original_seconds, winner_seconds;
  bool slower = false;
  std::string error;
};

/// A layer of a precision map.
struct PrecisionLayer {
  std::string name;            ///< the node's name or label
  std::size_t group = 0;       ///< like layers have the same
  double loses = 0;            ///< relative L2 of the outputs with this layer alone in int8, infinity for NaN
  bool measured_alone = true;  ///< else it is an equal share of what its group did
  double seconds = 0;          ///< of its execution in fp32, from the runtime's profile; 0 = not known
  bool given_back = false;     ///< it runs in higher precision
};

/// A set of layers that went back to higher precision, and what the whole model then lost on the search samples.
struct PrecisionTrial {
  std::size_t given_back = 0;
  double drop = 0;
  bool holds = false;
};

/// How a quantized candidate that broke the budget was mixed with higher precision, layer by layer.
struct PrecisionMap {
  std::string candidate;  ///< the mixed candidate; empty where no trial held
  std::string base;       ///< the candidate with every layer in int8
  std::string rest;       ///< what layers that are given back run in: "fp32" "bf16" "fp16"
  double base_drop = 0;   ///< its drop on the search samples
  std::optional<double> drop;
  std::vector<PrecisionLayer> layers;  ///< in the order of the graph
  std::vector<PrecisionTrial> trials;  ///< in the order in which they were made
};

/// One pass of the lossless rewriting of the graph, which stands before everything else.
struct RewritePass {
  std::string name;
  std::size_t changes = 0;            ///< places in the graph
  double seconds = 0;                 ///< of the pass alone
  double verify_seconds = 0;          ///< of comparing its outputs with the original's
  std::optional<double> relative_l2;  ///< of the worst output; absent where the pass changed nothing
  std::string judge;                  ///< the backend that ran both graphs
  std::string undone;                 ///< why it was taken back, empty where it was not
  bool disabled = false;
};

struct GraphRewriting {
  std::size_t nodes_before = 0, nodes_after = 0;    ///< without constants
  std::uint64_t bytes_before = 0, bytes_after = 0;  ///< of weights
  std::vector<RewritePass> passes;                  ///< in their order
  std::string failed;                               ///< why candidates were made of the graph as it came
};

struct StageTime {
  std::string stage;
  double seconds = 0;
};

struct Report {
  std::string outcome;  ///< "optimized" "original kept" "cancelled" "time"
  std::string model, model_digest, package, manifest_sha256;
  std::string metric;
  std::optional<double> budget;
  std::size_t samples = 0, calibration_samples = 0, search_samples = 0, judging_samples = 0;
  bool samples_random = false;
  CandidateRow original;          ///< the faster of the two originals
  std::string original_settings;  ///< "all optimizations, 2 threads" or "ONNX Runtime's defaults"
  std::vector<CandidateRow> candidates;
  std::optional<std::size_t> winner;  ///< index into candidates; absent = the original
  bool undecided = false, machine_busy = false;
  double noise_floor = 0;
  int rounds = 0, dropped_rounds = 0;
  std::vector<PrecisionMap> precision_maps;
  std::vector<CornerRow> corners;
  std::vector<StageTime> stages;
  std::optional<GraphRewriting> rewriting;  ///< absent where no candidate had it
  std::string accept_command;               ///< accepts the fastest reduced candidate, empty if none
  std::optional<std::size_t> accept_candidate;
  std::vector<std::string> notes;
  double seconds = 0;
  std::uint64_t parent_peak_bytes = 0;
  std::uint64_t seed = 0;
  std::string machine_json;     ///< hardware and versions
  std::string provenance_json;  ///< options and chain, complete enough to repeat it
};

/// The report in its JSON form, indented. A figure that is not finite is null (a drop of null: new NaN or infinity).
SPEEDSTER_API std::string report_json(const Report& report);
/// The inverse. Kinds corrupt, and version for a report that a newer Speedster wrote; unknown keys are ignored.
SPEEDSTER_API Result<Report> report_from_json(const std::string& text);
/// The report as a terminal table of at most `width` columns (70 at least), in UTF-8; `color` adds ANSI colours.
SPEEDSTER_API std::string report_table(const Report& report, int width = 120, bool color = false);
/// The report as one self-contained HTML page: nothing is loaded from elsewhere, and it reads without JavaScript.
SPEEDSTER_API std::string report_html(const Report& report);

}  // namespace speedster
