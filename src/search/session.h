/// What all stages of one search share, and one candidate's state as it passes through them.
#pragma once
#include <speedster/optimize.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "accuracy/metric.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "compiler/recipe.h"
#include "compressor/sensitivity.h"
#include "hardware/cpu.h"
#include "job/job.h"
#include "job/supervisor.h"
#include "model/signature.h"
#include "package/manifest.h"
#include "samples/store.h"
#include "search/call_shapes.h"
#include "search/journal.h"
#include "search/served.h"
#include "search/timing.h"

namespace speedster::search {

/// One candidate: how it is made, where its artifact is, what was found out.
struct Candidate {
  compiler::Recipe recipe;
  std::string digest;  ///< of the recipe
  CandidateRow row;
  std::filesystem::path package;           ///< its draft package, once made
  package::Variant variant;                ///< of that package
  std::optional<accuracy::Drop> searched;  ///< on the search samples
  std::optional<accuracy::Drop> judged;    ///< on the judging samples
  bool check_cut = false;                  ///< checked on some samples only: the time budget had no room for all
  bool reduced = false;                    ///< ran below the original's precision, or cannot tell
  bool out = false;                        ///< its fate is decided
  double rough_seconds = 0;                ///< a call as it was seen while checking: an upper bound, 0 = unknown
  std::optional<Error> error;              ///< why it could not be made
  std::optional<Json> rewriting;           ///< what the lossless rewriting of its graph did
  std::string not_rewritten;               ///< why it could not be rewritten and is made of the graph as it is
  std::shared_ptr<TimingNotes> notes = std::make_shared<TimingNotes>();
};

/// Ends a candidate with a fate and a reason.
void retire(Candidate& candidate, CandidateFate fate, std::string reason);

/// The samples' three parts, the model's interface, the limits, the helpers. Owned by the search.
struct Session {
  const OptimizeRequest* request = nullptr;
  std::optional<compiler::CandidatesFile> replayed;  ///< of an earlier search: repeated in place of a plan
  std::filesystem::path model;
  std::string model_digest;
  compiler::Recipe original;                            ///< what candidates are measured against
  std::vector<std::filesystem::path> model_companions;  ///< its external data
  std::vector<std::pair<std::filesystem::path, FileStamp>> model_stamps;
  Signature signature;                 ///< with the ranges of dynamic axes
  CallShapes call_shapes;              ///< of timed calls where they come in a mix, else null
  bool data_dependent_shapes = false;  ///< the model has operators whose extents depend on values
  samples::SampleStore store;
  std::filesystem::path store_directory;
  samples::Split split;
  hardware::Machine machine;
  std::string fingerprint;
  int threads = 1;
  int workers = 1;       ///< jobs at once while candidates are made
  int side_by_side = 1;  ///< how many share the machine now
  job::Limits limits;    ///< of one child
  std::unique_ptr<job::Supervisor> supervisor;
  std::unique_ptr<job::JobCache> cache;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<accuracy::Metric> metric;  ///< cosine beside an external metric
  accuracy::Budget budget;
  std::filesystem::path work;  ///< scratch of this invocation
  CancelToken cancel;
  Deadline total;                          ///< the end of the time budget
  Deadline deadline;                       ///< the end of this stage's share of it
  double held_back = 0;                    ///< seconds at its end that no stage before may use: for large files
  double stretch = 1;                      ///< of the stages' shares, where there are fewer stages
  std::string original_precision = "f32";  ///< what the original really ran at
  double original_call_seconds = 0;        ///< about what the original takes for a sample; 0 = not known
  double started = 0;
  Log log;

  Progress progress;
  std::vector<StageTime> stages;
  std::map<std::string, std::string> names;            ///< of candidates by their digest
  std::map<std::string, std::string> vendor_versions;  ///< of the backends that were probed, for the keys of jobs
  std::map<std::string, std::set<std::string>> load_options;  ///< what each backend can be told at a load
  double stage_started = 0;
  /// Begins a stage: names and times it, and under a time budget ends it when `share` of the budget is used.
  void enter(const std::string& stage, double share = 1.0);
  void end_stage();
  /// When `share` of the time budget but for what is held back is used; never without a budget.
  Deadline end_of(double share) const;
  void tell(const std::string& message = {});  ///< calls the request's callback
  bool stage_excluded(const std::string& stage) const;

  bool stopping() const { return cancel.cancelled() || deadline.passed(); }
  /// Notes how the model's files are now, before they are read.
  Result<void> remember_model();
  /// Kind bad input where the model's files are not as they were: what is made of them would have another's name.
  Result<void> model_unchanged() const;
  /// Threads of one execution; 0 = the vendor's own number, for the vendor's defaults where the user named none.
  int threads_of(const compiler::Recipe& recipe) const {
    if (recipe.threads > 0) return std::min(recipe.threads, machine.usable_cores);
    return recipe.vendor_defaults && request->threads == 0 ? 0 : threads;
  }
  ServeSpec serve_spec(const Candidate& candidate, const std::string& purpose) const;
};

/// Real samples of one timing: several, but not so many that copying them in costs more than timing them.
inline constexpr std::size_t kTimedSamples = 16;

/// Instruction sets that the variant of a recipe needs on other machines: int8 that was judged with VNNI needs it,
/// because without it 8-bit products saturate; a vendor refuses to compute in bfloat16 without its instructions. `ran`:
/// the precision that it ran in, once that is known; it tells of models that came quantized.
std::vector<std::string> needed_isa(const compiler::Recipe& recipe, const hardware::Machine& machine,
                                    const std::string& ran = "");

/// Makes the artifact of a candidate: its steps, then the backend's compilation into a draft package. A failure of a
/// step is the candidate's fate, not an error; errors are those that end the search (no space, cancelled).
Result<void> prepare(Session& session, Candidate& candidate);
/// What each node that a candidate's static quantization takes does to the outputs. Errors: the job's.
Result<compressor::Sensitivities> sensitivities_of(Session& session, const Candidate& candidate);

/// The original's outputs on any sample: kept in a file up to a bound, else computed again in its child.
class OriginalOutputs {
 public:
  /// `spec` starts the child again after a rest, or where a deadline ended it.
  OriginalOutputs(Session& session, ServedPackage child, ServeSpec spec);
  /// Outputs of the first k of `samples` (k at least 1), valid until the next call.
  Result<std::vector<Outputs>> get(std::span<const std::size_t> samples);
  /// Ends the child, so that it is not there while others are timed; what is known stays.
  void rest() { child_.reset(); }
  /// Whether the original itself failed.
  bool is_broken() const { return broken_.has_value(); }
  /// Refuses an original whose outputs are all NaN on a sample. Kind bad input.
  Result<void> check_finite(std::span<const std::size_t> samples);

 private:
  Session* session_;
  std::optional<ServedPackage> child_;
  ServeSpec spec_;
  struct Place {
    DType dtype;
    Shape shape;
    std::uint64_t offset = 0, bytes = 0;
  };
  void keep(std::size_t sample, const Outputs& outputs);
  Result<std::vector<Outputs>> read(std::span<const std::size_t> samples);
  std::map<std::size_t, std::vector<Place>> kept_;
  UniqueFd file_;  ///< without a name, so that nothing is left of it
  std::uint64_t file_bytes_ = 0, file_limit_ = 0;
  std::vector<std::byte> current_;  ///< what was read last; one buffer that stays, so that freed pieces do not pile up
  std::optional<Error> broken_;
};

/// Runs a candidate in step with the original over these samples and returns its drop in the user's metric. Errors are
/// the candidate's, but for those of an original that is_broken() and of the user's metric and labels (kinds usage and
/// bad input).
struct CheckPart {
  std::span<const std::size_t> samples;
  bool independent = true;
  enum class Extent { kWhole, kUntilHopeless };  ///< whether it stops when the budget is out of reach
  Extent extent = Extent::kUntilHopeless;
  std::string purpose;  ///< "check" or "judge", names the child's folder
  double time_share;    ///< of the stage's time that it may take under a time budget
  /// Jobs run meanwhile: where threads that wait would spin, they take cores from them and do nothing with these. (Not
  /// under a time budget, where what a call took may be all that tells who is fast.)
  bool beside_jobs = false;
};
Result<accuracy::Drop> check(Session& session, OriginalOutputs& original, Candidate& candidate, const CheckPart& part);

/// Whether a candidate gives the original's numbers on one sample (relative L2 of each judged output at
/// most accuracy::kFullPrecision): its learner's info. Kind vendor where it does not.
Result<Json> agrees(Session& session, OriginalOutputs& original, Candidate& candidate, std::size_t sample);

/// What really ran, from the learner's info; sets row.ran_precision, `reduced` and the backend's version.
void note_info(const Session& session, Candidate& candidate, const Json& info);
/// Bits of the mantissa that count: "f64" > "f32" > "f16" > "bf16" > "int8" and "mixed" > "unknown".
int precision_rank(std::string_view precision);

/// Runs every corner of the declared shapes on the original and a candidate, and reports one that fails or differs as
/// an error of the candidate. Where they are timed, also each third of ragged samples by size is, and those where the
/// candidate is slower are named. `original_spec` starts the original again where a corner killed it; `whole` becomes
/// false where the end of the time or the original cut the list short.
enum class CornerRuns { kOnce, kTimed };
Result<std::vector<CornerRow>> corners(Session& session, ServedPackage& original, const ServeSpec& original_spec,
                                       Candidate& candidate, CornerRuns runs, bool& whole);
/// About what timed corners take: `call_seconds` at the samples' sizes and `load_seconds` of the slower of the two.
double corner_seconds(const Session& session, double call_seconds, double load_seconds);
/// A shape is wrong where the model fixes it; extents that depend on the data may differ, the metric judges those.
Result<void> check_shapes(const Signature& signature, const Outputs& wants, const Outputs& got);
/// The shapes of all inputs at each corner: all at min, opt, max, and each axis alone at min and at max.
struct Corner {
  std::string name;
  std::map<std::string, Shape> shapes;
};
std::vector<Corner> corners_of(const Signature& signature);
/// These, and the shapes of a mix, which are run there, too.
std::vector<Corner> corners_of(const Session& session);
/// Positions of the smallest, middle and largest third by size; empty where all are of one size, or fewer than three.
std::vector<std::vector<std::size_t>> thirds_of(const std::vector<std::uint64_t>& sizes);

}  // namespace speedster::search
