#include "search/bench.h"

#include <speedster/version.h>

#include <algorithm>
#include <numeric>

#include "base/files.h"
#include "compiler/recipe.h"
#include "hardware/cpu.h"
#include "job/job.h"
#include "measure/statistics.h"
#include "onnx/model.h"
#include "package/manifest.h"
#include "package/samples.h"
#include "search/timing.h"
#include "tensor/safetensors.h"

namespace speedster::search {
namespace {

constexpr const char* kWho = "bench";
constexpr std::uint64_t kCacheBytes = std::uint64_t{20} << 30U;
constexpr double kCompileSeconds = 600;
constexpr std::size_t kMaxSamples = 64;  // a block holds its samples in memory, and cycles over them

/// One of the two, as it is before anything is loaded.
struct Side {
  fs::path path, package;
  bool is_package = false;
  std::string variant;  ///< required of a draft, which has one; a package chooses
  Signature signature;
  fs::path samples;  ///< file with the package's samples, or empty
};

Result<Side> open_package(const fs::path& path) {
  std::error_code error;
  Side side{path, fs::absolute(path, error), true, {}, {}, {}};  // absolute: the child has another working directory
  SPEEDSTER_ASSIGN(const package::LoadedManifest loaded, package::read_manifest(path));
  const auto entry = loaded.manifest.entries.find("main");
  if (entry == loaded.manifest.entries.end())
    return Error(ErrorKind::kBadInput, "[bench] expected an entry point \"main\" in " + path.string() + ", got none");
  side.signature = entry->second.signature;
  if (!entry->second.samples.empty()) {
    SPEEDSTER_ASSIGN(side.samples, inside(path, entry->second.samples, kWho));
  }
  return side;
}

/// The same inputs in any order: what is fed to one must fit the other.
Result<void> check_same_inputs(const Side& first, const Side& second) {
  const auto listed = [](const Signature& signature) {
    std::string text;
    for (const TensorSpec& input : signature.inputs) text += (text.empty() ? "" : "; ") + describe(input);
    return text;
  };
  bool same = first.signature.inputs.size() == second.signature.inputs.size();
  for (const TensorSpec& input : first.signature.inputs) {
    const TensorSpec* other = second.signature.input(input.name);
    same = same && other != nullptr && other->dtype == input.dtype;
  }
  if (same) return {};
  return Error(ErrorKind::kBadInput, "[bench] expected two models with the same inputs, got " +
                                         listed(first.signature) + " and " + listed(second.signature));
}

class Bench {
 public:
  explicit Bench(const BenchRequest& request) : request_(request) {}

  Result<BenchResult> run() {
    if (request_.seconds) deadline_ = Deadline::in(*request_.seconds);
    SPEEDSTER_ASSIGN(work_, TempDir::create("speedster-bench"));
    const hardware::Machine machine = hardware::probe();
    fingerprint_ = hardware::fingerprint(machine);
    threads_ = request_.threads > 0 ? request_.threads : machine.usable_cores;
    limits_.memory_bytes = hardware::available_memory() / 5 * 2;  // two are alive at once
    limits_.threads = threads_;
    SPEEDSTER_ASSIGN(const fs::path worker, job::find_worker());
    SPEEDSTER_ASSIGN(supervisor_, job::Supervisor::start(worker, request_.log));

    SPEEDSTER_ASSIGN(const Side first, open(request_.first, "first"));
    SPEEDSTER_ASSIGN(const Side second, open(request_.second, "second"));
    SPEEDSTER_TRY(check_same_inputs(first, second));
    BenchResult result;
    SPEEDSTER_ASSIGN(const samples::SampleStore store, open_samples(first, second, result.samples_from));
    result.samples = std::min(store.size(), kMaxSamples);
    result.threads = threads_;
    result.concurrency = request_.concurrency;

    TimingContext context;
    context.supervisor = supervisor_.get();
    context.cancel = request_.cancel;
    context.deadline = deadline_;
    context.samples.resize(result.samples);
    std::iota(context.samples.begin(), context.samples.end(), std::size_t{0});
    measure::Policy policy;
    policy.block.concurrency = request_.concurrency;
    policy.block.interval_seconds = request_.interval_seconds;
    policy.seed = request_.seed;
    const auto first_notes = std::make_shared<TimingNotes>(), second_notes = std::make_shared<TimingNotes>();
    SPEEDSTER_ASSIGN(result.comparison,
                     measure::compare(load_served(context, serve_spec(first, "first"), first_notes),
                                      load_served(context, serve_spec(second, "second"), second_notes), policy,
                                      machine_foreign_share(machine.cores), context.deadline, request_.cancel));
    SPEEDSTER_ASSIGN(result.first, side(context, first, "first", *first_notes));
    SPEEDSTER_ASSIGN(result.second, side(context, second, "second", *second_notes));
    return result;
  }

 private:
  Result<Side> open(const fs::path& path, const std::string& which) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
      return errno_error(error.value() != 0 ? error.value() : ENOENT, kWho, "a package or a model file", path);
    return fs::is_directory(status) ? open_package(path) : wrap(path, which);
  }

  /// A model file becomes a draft package for ONNX Runtime, as the original of a search does.
  Result<Side> wrap(const fs::path& path, const std::string& which) {
    Side side{path, {}, false, {}, {}, {}};
    SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, onnx_model::OnnxModel::read(path));
    SPEEDSTER_ASSIGN(side.signature, model.signature());
    const compiler::Recipe recipe = compiler::original({});
    job::JobRequest job;
    job.step = "compile";
    job.kind = "compile";
    job.inputs["model"] = path;
    SPEEDSTER_ASSIGN(job.companions["model"], model.external_files());
    job.fingerprint = fingerprint_;
    job.toolchain_version = SPEEDSTER_VERSION_STRING;
    job.limits = limits_;
    job.limits.wall_seconds = kCompileSeconds;
    job.options = {{"name", which},
                   {"backend", recipe.backend},
                   {"format", recipe.format},
                   {"load", Json::object()},
                   {"precision", recipe.requested_precision},
                   {"techniques", recipe.techniques},
                   {"threads", threads_},
                   {"signature", to_json(side.signature)},
                   {"needs_isa", Json::array()}};
    for (const auto& [key, value] : recipe.options) job.options["load"][key] = value;
    SPEEDSTER_ASSIGN(job::JobCache cache, job::JobCache::open(cache_directory() / "jobs", kCacheBytes));
    caches_.push_back(cache);  // what was handed out stays while this lives
    SPEEDSTER_ASSIGN(const job::JobResult result,
                     cache.run(*supervisor_, job, deadline_.sooner(kCompileSeconds), request_.cancel));
    if (!result.ok()) return result.error();
    side.package = result.directory / "out" / "package";
    side.variant = which;
    return side;
  }

  Result<samples::SampleStore> open_samples(const Side& first, const Side& second, std::string& from) {
    const fs::path folder = work_->path() / "store";
    samples::SampleOptions options;
    if (request_.samples) {
      options = *request_.samples;
      from = options.random ? "random samples" : options.data.string();
    } else if (!first.samples.empty() || !second.samples.empty()) {
      const Side& owner = first.samples.empty() ? second : first;
      options.data = work_->path() / "samples.safetensors";
      SPEEDSTER_TRY(unpack(owner, options.data));
      from = "samples of " + owner.path.string();
    } else {
      options.random = true;
      options.seed = request_.seed;
      from = "random samples";
    }
    return samples::build_store(options, first.signature, folder);
  }

  /// A package's samples in the form of ragged data: each "NAME.INDEX" is one call.
  Result<void> unpack(const Side& owner, const fs::path& to) {
    SPEEDSTER_ASSIGN(const package::PackagedSamples packed, package::read_samples(owner.samples, owner.signature));
    std::vector<SafetensorsWriter::Declaration> declared;
    std::vector<TensorView> views;
    for (std::size_t i = 0; i < packed.samples.size(); ++i)
      for (const auto& [name, view] : packed.samples[i].inputs) {
        declared.push_back({name + "." + std::to_string(i), view.dtype, Shape(view.shape.begin(), view.shape.end())});
        views.push_back(view);
      }
    SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(to, declared));
    for (const TensorView& view : views)
      SPEEDSTER_TRY(writer.append({static_cast<const std::byte*>(view.data), view.bytes()}));
    return writer.finish();
  }

  ServeSpec serve_spec(const Side& side, const std::string& which) const {
    ServeSpec spec;
    spec.package = side.package;
    spec.variant = side.variant;
    spec.threads = threads_;
    spec.contexts = request_.concurrency;
    spec.samples = work_->path() / "store";
    spec.directory = work_->path() / which;
    spec.limits = limits_;
    return spec;
  }

  /// What it was that ran is asked of a child of its own, after the timing.
  Result<BenchSide> side(const TimingContext& context, const Side& from, const std::string& which,
                         const TimingNotes& notes) {
    SPEEDSTER_ASSIGN(ServedPackage child,
                     ServedPackage::start(*supervisor_, serve_spec(from, which), {}, context.cancel));
    SPEEDSTER_ASSIGN(Json info, child.stats({}, context.cancel));
    BenchSide side{from.path.string(), from.is_package, std::move(info), 0, notes.peak_memory, 0};
    if (!notes.load_seconds.empty()) side.load_seconds = measure::median(notes.load_seconds);
    if (!notes.call_cpu_seconds.empty()) side.call_cpu_seconds = measure::median(notes.call_cpu_seconds);
    return side;
  }

  const BenchRequest& request_;
  Deadline deadline_;
  std::optional<TempDir> work_;
  std::vector<job::JobCache> caches_;
  std::unique_ptr<job::Supervisor> supervisor_;  // after work_: children end before their folders go
  std::string fingerprint_;
  int threads_ = 1;
  job::Limits limits_;
};

}  // namespace

Result<BenchResult> bench(const BenchRequest& request) { return Bench(request).run(); }

}  // namespace speedster::search
