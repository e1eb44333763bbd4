#include "search/bench_setup.h"

#include <speedster/version.h>

#include <algorithm>
#include <numeric>

#include "compiler/recipe.h"
#include "measure/statistics.h"
#include "onnx/model.h"
#include "package/manifest.h"
#include "package/samples.h"
#include "search/call_shapes.h"
#include "tensor/safetensors.h"

namespace speedster::search {
namespace {

constexpr const char* kWho = "bench";
constexpr std::uint64_t kCacheBytes = std::uint64_t{20} << 30U;
constexpr double kCompileSeconds = 600;
/// Of the memory that is available, for all that are alive at once.
constexpr std::uint64_t kMemoryParts = 5, kMemoryForChildren = 4;

Result<Contender> open_package(const fs::path& path, const std::string& which) {
  std::error_code error;
  // Absolute: the child has another working directory.
  Contender contender{which, path, fs::absolute(path, error), true, {}, {}, {}};
  SPEEDSTER_ASSIGN(const package::LoadedManifest loaded, package::read_manifest(path));
  const auto entry = loaded.manifest.entries.find("main");
  if (entry == loaded.manifest.entries.end())
    return Error(ErrorKind::kBadInput, "[bench] expected an entry point \"main\" in " + path.string() + ", got none");
  contender.signature = entry->second.signature;
  if (!entry->second.samples.empty()) {
    SPEEDSTER_ASSIGN(contender.samples, inside(path, entry->second.samples, kWho));
  }
  return contender;
}

}  // namespace

Result<void> check_same_inputs(const Contender& first, const Contender& second) {
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

Result<std::unique_ptr<BenchSetup>> BenchSetup::make(const BenchRequest& request, int live) {
  std::unique_ptr<BenchSetup> setup(new BenchSetup(request));
  if (request.seconds) setup->deadline_ = Deadline::in(*request.seconds);
  SPEEDSTER_ASSIGN(setup->work_, TempDir::create("speedster-bench"));
  setup->machine_ = hardware::probe();
  setup->fingerprint_ = hardware::fingerprint(setup->machine_);
  setup->threads_ = request.threads > 0 ? request.threads : setup->machine_.usable_cores;
  setup->limits_.memory_bytes =
      hardware::available_memory() / (kMemoryParts * static_cast<std::uint64_t>(live)) * kMemoryForChildren;
  setup->limits_.threads = setup->threads_;
  SPEEDSTER_ASSIGN(const fs::path worker, job::find_worker());
  SPEEDSTER_ASSIGN(setup->supervisor_, job::Supervisor::start(worker, request.log));
  return setup;
}

Result<Contender> BenchSetup::open(const fs::path& path, const std::string& which) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return errno_error(error.value() != 0 ? error.value() : ENOENT, kWho, "a package or a model file", path);
  return fs::is_directory(status) ? open_package(path, which) : wrap(path, which);
}

Result<Contender> BenchSetup::wrap(const fs::path& path, const std::string& which) {
  Contender contender{which, path, {}, false, {}, {}, {}};
  SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, onnx_model::OnnxModel::read(path));
  SPEEDSTER_ASSIGN(contender.signature, model.signature());
  const compiler::Recipe recipe = compiler::original({});
  job::JobRequest job;
  job.step = "compile";
  job.kind = "compile";
  job.inputs["model"] = path;
  SPEEDSTER_ASSIGN(job.companions["model"], model.external_files());
  job.fingerprint = fingerprint_;
  job.toolchain_version = SPEEDSTER_VERSION_STRING;
  job.limits = limits_;
  job.limits.memory_bytes = hardware::available_memory() / kMemoryParts * kMemoryForChildren;  // nothing runs beside it
  job.limits.wall_seconds = kCompileSeconds;
  job.options = {{"name", which},
                 {"backend", recipe.backend},
                 {"format", recipe.format},
                 {"load", Json::object()},
                 {"precision", recipe.requested_precision},
                 {"techniques", recipe.techniques},
                 {"threads", threads_},
                 {"signature", to_json(contender.signature)},
                 {"needs_isa", Json::array()}};
  for (const auto& [key, value] : recipe.options) job.options["load"][key] = value;
  SPEEDSTER_ASSIGN(job::JobCache cache, job::JobCache::open(cache_directory() / "jobs", kCacheBytes));
  caches_.push_back(cache);  // what was handed out stays while this lives
  SPEEDSTER_ASSIGN(const job::JobResult result,
                   cache.run(*supervisor_, job, deadline_.sooner(kCompileSeconds), request_.cancel));
  if (!result.ok()) return result.error();
  contender.package = result.directory / "out" / "package";
  contender.variant = which;
  return contender;
}

Result<samples::SampleStore> BenchSetup::open_samples(const std::vector<const Contender*>& contenders,
                                                      std::string& from) {
  samples::SampleOptions options;
  const auto owner =
      std::ranges::find_if(contenders, [](const Contender* contender) { return !contender->samples.empty(); });
  if (request_.samples) {
    options = *request_.samples;
    SPEEDSTER_TRY(settle_mix(options, contenders.front()->signature));
    from = options.random ? "random samples" : options.data.string();
  } else if (owner != contenders.end()) {
    options.data = work() / "samples.safetensors";
    SPEEDSTER_TRY(unpack(**owner, options.data));
    from = "samples of " + (*owner)->path.string();
  } else {
    options.random = true;
    options.seed = request_.seed;
    from = "random samples";
  }
  return samples::build_store(options, contenders.front()->signature, work() / "store");
}

/// A package's samples in the form of ragged data: each "NAME.INDEX" is one call.
Result<void> BenchSetup::unpack(const Contender& owner, const fs::path& to) {
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

ServeSpec BenchSetup::serve_spec(const Contender& contender, const fs::path& store, int concurrency) const {
  ServeSpec spec;
  spec.package = contender.package;
  spec.variant = contender.variant;
  spec.threads = threads_;
  spec.contexts = concurrency;
  spec.samples = store;
  spec.directory = work() / contender.which;
  spec.limits = limits_;
  return spec;
}

TimingContext BenchSetup::timing(std::size_t samples) const {
  TimingContext context;
  context.supervisor = supervisor_.get();
  context.cancel = request_.cancel;
  context.deadline = deadline_;
  context.samples.resize(samples);
  std::iota(context.samples.begin(), context.samples.end(), std::size_t{0});
  return context;
}

measure::Policy BenchSetup::policy() const {
  measure::Policy policy;
  policy.block.interval_seconds = request_.interval_seconds;
  policy.seed = request_.seed;
  return policy;
}

Result<BenchSide> BenchSetup::side(const Contender& contender, const ServeSpec& spec, const TimingNotes& notes) {
  SPEEDSTER_ASSIGN(ServedPackage child, ServedPackage::start(*supervisor_, spec, {}, request_.cancel));
  SPEEDSTER_ASSIGN(Json info, child.stats({}, request_.cancel));
  BenchSide side{contender.path.string(), contender.is_package, std::move(info), 0, notes.peak_memory, 0};
  if (!notes.load_seconds.empty()) side.load_seconds = measure::median(notes.load_seconds);
  if (!notes.call_cpu_seconds.empty()) side.call_cpu_seconds = measure::median(notes.call_cpu_seconds);
  return side;
}

}  // namespace speedster::search
