#include <speedster/version.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/digest.h"
#include "compressor/calibrate.h"
#include "search/session.h"
#include "toolchain/toolchain.h"

namespace speedster::search {
namespace {

// Candidates that are being checked go first: under a time budget they are what a result is made of.
constexpr int kNice = 10;
// Under a time budget: the part of it that calibration may take, at about this many calls of the original for a sample
// (no optimizations, and each value is counted).
constexpr double kCalibrationShare = 0.12, kCalibrationCost = 3;
// Samples for what single nodes lose, and the part of a stage's time for it under a time budget.
constexpr std::size_t kLookedAt = 8;
constexpr double kLookShare = 0.3;
// Samples that a rewritten graph is compared on at most.
constexpr std::size_t kRewriteSamples = 4;

/// The parts of the pipeline that turn one file into the next.
class Preparation {
 public:
  Preparation(Session& session, Candidate& candidate)
      : session_(session), candidate_(candidate), current_(session.model) {}

  /// Up to the step that quantizes, and then what that step would do node by node.
  Result<compressor::Sensitivities> sensitivities() {
    for (const compiler::StepSpec& step : candidate_.recipe.steps) {
      if (step.step == "rewrite") {
        SPEEDSTER_TRY(rewrite(step));
        continue;
      }
      if (needs_ranges(step)) SPEEDSTER_TRY(calibrate(step));
      if (step.step == "quantize-static") return look(step);
      SPEEDSTER_TRY(apply(step));
    }
    return Error(ErrorKind::kInternal, "[sensitivity] expected a candidate with static quantization");
  }

  Result<void> run() {
    for (const compiler::StepSpec& step : candidate_.recipe.steps) {
      if (step.step == "rewrite") {
        SPEEDSTER_TRY(rewrite(step));
        continue;
      }
      if (needs_ranges(step)) SPEEDSTER_TRY(calibrate(step));
      SPEEDSTER_TRY(apply(step));
    }
    SPEEDSTER_TRY(refuse_the_original());
    return compile();
  }

 private:
  job::JobRequest request(const std::string& step, const std::string& kind) const {
    job::JobRequest job;
    job.step = step;
    job.kind = kind;
    job.inputs["model"] = current_;
    if (current_ == session_.model) {
      job.input_digests["model"] = session_.model_digest;
      job.companions["model"] = session_.model_companions;
      job.inputs_unchanged = [this] { return session_.model_unchanged(); };
    }
    // Not a toolchain's: what a native step makes depends on us, and what a backend makes on its vendor.
    job.toolchain_version = version_with(kind == "compile" ? candidate_.recipe.backend : "onnxruntime");
    job.limits = session_.limits;
    // Jobs share the machine, unless the user said what one may take.
    if (session_.request->memory_limit_bytes == 0)
      job.limits.memory_bytes /= static_cast<std::uint64_t>(session_.side_by_side);
    job.limits.threads = session_.threads;  // the last and longest jobs run alone
    job.limits.nice = kNice;
    job.limits.wall_seconds = session_.request->candidate_timeout_seconds;
    return job;
  }

  std::string version_with(const std::string& backend) const {
    const auto vendor = session_.vendor_versions.find(backend);
    return SPEEDSTER_VERSION_STRING + (vendor == session_.vendor_versions.end() ? "" : " " + vendor->second);
  }

  Result<job::JobResult> execute(const job::JobRequest& job) {
    // A job has a limit of its own, from when it runs; what passes that has failed and is kept. The deadline is the
    // search's, and ends with no such verdict.
    SPEEDSTER_ASSIGN(job::JobResult result,
                     session_.cache->run(*session_.supervisor, job, session_.deadline, session_.cancel));
    if (result.ok()) return result;
    candidate_.row.job_directory = result.directory.string();
    return result.error();
  }

  /// What the result of a toolchain's step depends on beside its inputs: the lock and the script.
  static Result<std::string> toolchain_version(const compiler::StepSpec& step) {
    SPEEDSTER_ASSIGN(const toolchain::Environment environment, toolchain::find(step.toolchain));
    SPEEDSTER_ASSIGN(const toolchain::Recipe recipe, toolchain::find_recipe(step.toolchain));
    for (const toolchain::Step& known : recipe.steps) {
      if (known.name != step.step) continue;
      SPEEDSTER_ASSIGN(const std::string script, sha256_file(known.script));
      return Sha256().field(environment.lock_digest).field(script).field(std::to_string(known.version)).hex();
    }
    return Error(ErrorKind::kNotFound,
                 "[toolchain] expected a step " + step.step + " in " + step.toolchain + ", got none");
  }

  void add_samples(job::JobRequest& job, const std::vector<std::size_t>& indices) const {
    job.inputs["samples"] = session_.store_directory;
    job.input_digests["samples"] = session_.store.digest();
    job.owned.insert("samples");
    job.options["indices"] = indices;
  }

  /// The lossless rewriting, one job for all candidates. Where it cannot be done, the graph stays as it is: that the
  /// rewriting fails is no reason why a candidate should.
  Result<void> rewrite(const compiler::StepSpec& step) {
    job::JobRequest job = request(step.step, "compress");
    job.options = step.options;
    if (step.options.contains("backend")) {
      SPEEDSTER_ASSIGN(const std::string backend, json_string(step.options, "backend", step.step));
      job.toolchain_version = version_with(backend);
    }
    std::vector<std::size_t> samples = session_.split.calibration;
    if (samples.empty()) samples = session_.split.search;
    samples.resize(std::min(samples.size(), kRewriteSamples));
    add_samples(job, samples);
    Result<job::JobResult> result = execute(job);
    if (result.ok()) {
      candidate_.rewriting = result->result.value("summary", Json::object());
      return take_model(*result, step.step);
    }
    const ErrorKind kind = result.error().kind();
    if (kind == ErrorKind::kNoSpace || kind == ErrorKind::kCancelled || kind == ErrorKind::kUsage ||
        session_.deadline.passed())
      return std::move(result).error();
    SPEEDSTER_TRY(session_.model_unchanged());
    candidate_.not_rewritten = result.error().message();
    if (!candidate_.row.job_directory.empty())
      candidate_.not_rewritten += "; try " + candidate_.row.job_directory + "/repro.sh, which repeats it";
    candidate_.row.job_directory.clear();
    return {};
  }

  /// Another name for the original would be measured for nothing.
  Result<void> refuse_the_original() const {
    const compiler::Recipe& recipe = candidate_.recipe;
    const bool rewrites = !recipe.steps.empty() && std::ranges::all_of(recipe.steps, [](const compiler::StepSpec& s) {
      return s.step == "rewrite";
    });
    if (!rewrites || recipe.backend != session_.original.backend || recipe.options != session_.original.options ||
        (candidate_.rewriting && candidate_.rewriting->value("changes", 1) > 0))
      return {};
    return Error(ErrorKind::kUnsupported, "[rewrite] expected something to rewrite, got nothing: it is the original");
  }

  /// All of the part, but for what a time budget has no room for: ranges settle after few samples.
  std::vector<std::size_t> calibration_samples() const {
    if (!session_.total.limited() || session_.original_call_seconds <= 0) return session_.split.calibration;
    const double allowed = kCalibrationShare * *session_.request->time_budget_seconds;
    const double most = allowed / (kCalibrationCost * session_.original_call_seconds);
    // Powers of two, so that the time of one call more or less is the same job.
    const auto count = std::bit_floor(static_cast<std::size_t>(std::clamp(most, 4.0, 1e6)));
    return samples::spread_over(session_.split.calibration, count);
  }

  static bool needs_ranges(const compiler::StepSpec& step) {
    return step.step == "quantize-static" || step.step == "migrate-scales";
  }

  /// Ranges of the activations, observed on the fp32 graph by the reference runtime of the original.
  Result<void> calibrate(const compiler::StepSpec& step) {
    job::JobRequest job = request("calibrate", "compress");
    // Neither target nor method: all static candidates share one run over the samples.
    for (const char* key : {"exclude", "exclude_nodes", "vnni", "percentile"})
      if (step.options.contains(key)) job.options[key] = step.options[key];
    if (step.step == "migrate-scales" || step.options.value("bias_correction", Json(false)) == true)
      job.options["channels"] = true;
    std::string backend = "onnxruntime";
    if (step.options.contains("calibration_backend")) {
      SPEEDSTER_ASSIGN(backend, json_string(step.options, "calibration_backend", "calibrate"));
    }
    job.options["backend"] = backend;
    job.toolchain_version = version_with(backend);
    // A power of two, so that a little more or less of it is the same job.
    const std::uint64_t most = std::bit_floor(std::max<std::uint64_t>(job.limits.memory_bytes / 4, 1));
    if (most < compressor::CalibrateOptions().memory_bytes) job.options["memory_bytes"] = most;
    add_samples(job, calibration_samples());
    SPEEDSTER_ASSIGN(job::JobResult result, execute(job));
    ranges_ = result.directory / "out" / "ranges.json";
    return {};
  }

  Result<compressor::Sensitivities> look(const compiler::StepSpec& step) {
    job::JobRequest job = request("sensitivity", "compress");
    job.options = step.options;
    if (!session_.request->output_name.empty()) job.options["output"] = session_.request->output_name;
    job.inputs["ranges"] = ranges_;
    add_samples(job, samples::spread_over(session_.split.calibration, kLookedAt));
    // A part of the time that is left; rounded, so that a second search finds the same job.
    if (session_.deadline.limited())
      job.options["most_seconds"] = std::max(1.0, std::floor(kLookShare * session_.deadline.left()));
    SPEEDSTER_ASSIGN(const job::JobResult result, execute(job));
    SPEEDSTER_ASSIGN(const std::string text, read_file(result.directory / "out" / "sensitivities.json"));
    SPEEDSTER_ASSIGN(const Json json, parse_json(text, "sensitivity"));
    return compressor::sensitivities_from_json(json);
  }

  Result<void> apply(const compiler::StepSpec& step) {
    job::JobRequest job = request(step.step, "compress");
    job.options = step.options;
    if (!step.toolchain.empty()) {
      job.toolchain = step.toolchain;
      SPEEDSTER_ASSIGN(job.toolchain_version, toolchain_version(step));
    }
    if (needs_ranges(step)) job.inputs["ranges"] = ranges_;
    if (!step.toolchain.empty()) add_samples(job, session_.split.calibration);
    SPEEDSTER_ASSIGN(const job::JobResult result, execute(job));
    return take_model(result, step.step);
  }

  Result<void> take_model(const job::JobResult& result, const std::string& step) {
    SPEEDSTER_ASSIGN(const Json* files, json_object(result.result, "files", step));
    SPEEDSTER_ASSIGN(const std::string model, json_string(*files, "model", step));
    SPEEDSTER_ASSIGN(current_, inside(result.directory, model, step));
    return {};
  }

  Result<void> compile() {
    const compiler::Recipe& recipe = candidate_.recipe;
    job::JobRequest job = request("compile", "compile");
    job.fingerprint = session_.fingerprint;
    job.options = {{"name", recipe.name},
                   {"backend", recipe.backend},
                   {"format", recipe.format},
                   {"load", Json::object()},
                   {"precision", recipe.requested_precision},
                   {"techniques", recipe.techniques},
                   {"threads", session_.threads_of(recipe)},
                   {"signature", to_json(session_.signature)}};
    for (const auto& [key, value] : recipe.options) job.options["load"][key] = value;
    job.options["needs_isa"] = needed_isa(recipe, session_.machine);
    SPEEDSTER_ASSIGN(job::JobResult result, execute(job));
    candidate_.package = result.directory / "out" / "package";
    SPEEDSTER_ASSIGN(package::LoadedManifest loaded, package::read_manifest(candidate_.package));
    const auto entry = loaded.manifest.entries.find("main");
    if (entry == loaded.manifest.entries.end() || entry->second.variants.size() != 1)
      return Error(ErrorKind::kInternal, "[compile] expected a draft package with one variant");
    candidate_.variant = entry->second.variants.front();
    candidate_.row.model_bytes = 0;
    for (const std::string& file : candidate_.variant.files) {
      const auto record = loaded.manifest.files.find(file);
      if (record != loaded.manifest.files.end()) candidate_.row.model_bytes += record->second.bytes;
    }
    return {};
  }

  Session& session_;
  Candidate& candidate_;
  std::filesystem::path current_, ranges_;
};

}  // namespace

std::vector<std::string> needed_isa(const compiler::Recipe& recipe, const hardware::Machine& machine,
                                    const std::string& ran) {
  const bool came_quantized = recipe.requested_precision == "fp32" && ran == "mixed";
  const bool int8 = recipe.requested_precision.ends_with("int8") || ran == "int8" || came_quantized ||
                    std::ranges::any_of(recipe.steps, [](const compiler::StepSpec& step) {
                      return step.step.starts_with("quantize") || step.step == "nncf";
                    });
  std::vector<std::string> needed;
  if (int8 && machine.has_vnni()) needed.push_back(machine.vnni());
  const auto precision = recipe.options.find("precision");
  if (precision != recipe.options.end() && precision->second == "bf16" && machine.has_bf16())
    needed.push_back(machine.bf16());
  return needed;
}

Result<void> prepare(Session& session, Candidate& candidate) {
  const double begin = now_seconds();
  auto prepared = Preparation(session, candidate).run();
  candidate.row.prepare_seconds = now_seconds() - begin;
  if (prepared.ok()) return {};
  const Error& error = prepared.error();
  candidate.error = error;
  if (error.kind() == ErrorKind::kNoSpace || error.kind() == ErrorKind::kCancelled) return prepared;
  SPEEDSTER_TRY(session.model_unchanged());
  if (session.deadline.passed())
    retire(candidate, CandidateFate::kNotTried, "time: the budget ended while it was being made");
  else if (error.kind() ==
           ErrorKind::kUnsupported)  // the model has nothing that this could change, or the vendor not this
    retire(candidate, CandidateFate::kNotPossible, error.full_message());
  else
    retire(candidate, CandidateFate::kFailed, error.full_message());
  return {};
}

Result<compressor::Sensitivities> sensitivities_of(Session& session, const Candidate& candidate) {
  Candidate copy = candidate;
  return Preparation(session, copy).sensitivities();
}

}  // namespace speedster::search
