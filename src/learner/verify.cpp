#include "learner/verify.h"

#include <algorithm>
#include <limits>

#include "learner/compare.h"
#include "learner/example_inputs.h"
#include "package/samples.h"
#include "package/writer.h"
#include "tensor/difference.h"

namespace speedster::learner {
namespace {

/// Another variant makes a choice fall only if it is faster by more than what nobody would notice.
constexpr double kNoticeable = 0.98;

Result<TensorView> from_dl(const DLTensor& tensor) {
  const auto dtype = dtype_from_dl(tensor.dtype);
  if (!dtype) return Error(ErrorKind::kUnsupported, "[verify] expected an output of a known dtype, got another");
  auto* data = tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  return TensorView{*dtype, {tensor.shape, static_cast<std::size_t>(tensor.ndim)}, data};
}

/// A loaded variant and what its samples gave; the worst of all outputs counts.
class SampleCheck {
 public:
  static Result<SampleCheck> create(const std::shared_ptr<const Learner>& learner) {
    SPEEDSTER_ASSIGN(Context context, Context::create(learner));
    return SampleCheck(learner, std::move(context));
  }

  /// Runs all samples and compares until one does not hold; the first is bound afterwards.
  Result<void> run_all(const package::PackagedSamples& packaged) {
    for (std::size_t i = 0; i < packaged.samples.size(); ++i) {
      SPEEDSTER_TRY(bind(packaged.samples[i]));
      SPEEDSTER_TRY(run());
      SPEEDSTER_TRY(compare(packaged.samples[i], i));
    }
    return packaged.samples.empty() ? Result<void>() : bind(packaged.samples.front());
  }
  Result<void> run() { return backend::take_error(context_.execute(), context_.who()); }
  Call call() {
    return [this] { return run(); };
  }
  void describe(Json& report) const {
    report["limit"] = limit_;
    report["relative_l2"] = json_from_number(worst_l2_);
    report["cosine"] = json_from_number(worst_cosine_);
  }

 private:
  SampleCheck(std::shared_ptr<const Learner> learner, Context context)
      : learner_(std::move(learner)), context_(std::move(context)), limit_(difference_limit(learner_->variant())) {}

  Result<void> bind(const package::PackagedSamples::Sample& sample) {
    const std::vector<TensorSpec>& inputs = learner_->signature().inputs;
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      const auto given = sample.inputs.find(inputs[i].name);
      if (given == sample.inputs.end())
        SPEEDSTER_TRY(context_.bind_input(i, nullptr));
      else {
        const DLTensor dl = to_dl(given->second);
        SPEEDSTER_TRY(context_.bind_input(i, &dl));
      }
    }
    return {};
  }
  Result<void> compare(const package::PackagedSamples::Sample& sample, std::size_t index) {
    const std::vector<TensorSpec>& outputs = learner_->signature().outputs;
    for (std::uint32_t i = 0; i < outputs.size(); ++i) {
      DLTensor dl{};
      SPEEDSTER_TRY(context_.output(i, &dl, nullptr));
      SPEEDSTER_ASSIGN(const TensorView got, from_dl(dl));
      const Difference seen = difference(sample.outputs.at(outputs[i].name), got);
      auto refuse = [&](const std::string& what) {
        return Error(ErrorKind::kCorrupt, "[verify] expected output \"" + outputs[i].name + "\" of sample " +
                                              std::to_string(index) + " as the original gave it, got " + what);
      };
      if (!seen.same_shape) return refuse("the shape " + to_string(got.shape));
      if (seen.new_non_finite) return refuse("NaN or infinity where the original has none");
      worst_l2_ = std::max(worst_l2_, seen.relative_l2);
      worst_cosine_ = std::min(worst_cosine_, seen.cosine);
      if (!(seen.relative_l2 <= limit_))
        return refuse("a relative L2 difference of " + std::to_string(seen.relative_l2) + " (limit " +
                      std::to_string(limit_) + ")");
    }
    return {};
  }

  std::shared_ptr<const Learner> learner_;
  Context context_;
  double limit_;
  double worst_l2_ = 0, worst_cosine_ = 1;
};

Json judged_latency(const package::Variant& variant) {
  const auto latency = variant.measured.find("latency_seconds");
  if (latency == variant.measured.end()) return nullptr;
  if (latency->is_object() && latency->contains("value")) return (*latency)["value"];
  return *latency;
}

/// Another variant of the package on this machine, beside the chosen one.
Result<Json> remeasure(const std::filesystem::path& package, const LoadOptions& options, const std::string& variant,
                       const package::PackagedSamples& packaged, SampleCheck& chosen) {
  LoadOptions own = options;
  own.require_variant = variant;
  Json row = {{"variant", variant}, {"loads", false}};
  const auto loaded = Learner::load(package, own);
  if (!loaded) {
    row["reason"] = loaded.error().full_message();
    return row;
  }
  row["loads"] = true;
  SPEEDSTER_ASSIGN(const Json info, (*loaded)->info());
  row["precision"] = info["precision"];
  SPEEDSTER_ASSIGN(SampleCheck check, SampleCheck::create(*loaded));
  const Result<void> held = check.run_all(packaged);
  check.describe(row);
  row["holds"] = held.ok();
  if (!held) {
    row["reason"] = held.error().full_message();
    return row;
  }
  SPEEDSTER_ASSIGN(row["latency_seconds"], median_seconds(check.call()));
  row["judged_latency_seconds"] = judged_latency((*loaded)->variant());
  SPEEDSTER_ASSIGN(const PairedRatio ratio, compare(chosen.call(), check.call()));
  row["over_choice"] = to_json(ratio);
  return row;
}

/// Whether the variant that loads is still the one to load: a row whose whole interval lies below it says no.
Json choice_of(const Json& rows) {
  const Json* fastest = nullptr;
  for (const Json& row : rows)
    if (row.contains("over_choice") && row["over_choice"]["high"] < kNoticeable)
      if (fastest == nullptr || row["over_choice"]["median"] < (*fastest)["over_choice"]["median"]) fastest = &row;
  if (fastest == nullptr) return {{"stands", true}, {"faster", nullptr}};
  return {{"stands", false}, {"faster", (*fastest)["variant"]}};
}

Result<void> verify_samples(const std::shared_ptr<const Learner>& learner, const package::PackagedSamples& packaged,
                            const LoadOptions& options, Json& report) {
  SPEEDSTER_ASSIGN(SampleCheck check, SampleCheck::create(learner));
  Result<void> held = check.run_all(packaged);
  report["samples"] = packaged.samples.size();
  check.describe(report);
  SPEEDSTER_TRY(std::move(held));
  if (packaged.samples.empty()) return {};
  SPEEDSTER_ASSIGN(report["latency_seconds"], median_seconds(check.call()));
  report["judged_latency_seconds"] = judged_latency(learner->variant());
  if (!options.require_variant.empty()) return {};
  Json& rows = report["others"] = Json::array();
  for (const package::Variant& variant : learner->entry().variants) {
    if (variant.name == learner->variant().name) continue;
    SPEEDSTER_ASSIGN(Json row, remeasure(learner->package(), options, variant.name, packaged, check));
    rows.push_back(std::move(row));
  }
  report["choice"] = choice_of(rows);
  return {};
}

Result<void> verify_all(const std::filesystem::path& package, const LoadOptions& options, Json& report) {
  SPEEDSTER_ASSIGN(const package::LoadedManifest read, package::read_manifest(package));
  std::uint64_t bytes = 0;
  for (const auto& [path, record] : read.manifest.files) bytes += record.bytes;
  report["manifest_sha256"] = read.sha256;
  report["files"] = read.manifest.files.size();
  report["bytes"] = bytes;
  SPEEDSTER_TRY(package::check_all(package, read.manifest));
  SPEEDSTER_ASSIGN(const std::shared_ptr<const Learner> learner, Learner::load(package, options));
  SPEEDSTER_ASSIGN(const Json info, learner->info());
  for (const char* key : {"entry", "variant", "passed_over", "precision", "threads", "judged_here"})
    report[key] = info[key];
  if (learner->entry().samples.empty()) {
    report["samples"] = 0;
    return {};
  }
  SPEEDSTER_ASSIGN(const fs::path file, inside(package, learner->entry().samples, "verify"));
  SPEEDSTER_ASSIGN(const package::PackagedSamples packaged, package::read_samples(file, learner->signature()));
  return verify_samples(learner, packaged, options, report);
}

}  // namespace

double difference_limit(const package::Variant& variant) {
  const auto seen = variant.measured.find("sample_relative_l2");
  if (seen != variant.measured.end() && seen->is_number()) return 1.5 * std::abs(seen->get<double>()) + 1e-3;
  if (variant.precision == "f32") return 1e-3;
  return variant.precision == "bf16" || variant.precision == "f16" ? 0.05 : 0.3;
}

Result<void> verify(const std::filesystem::path& package, const LoadOptions& options, Json* report) {
  Json local = {{"ok", true}, {"package", package.string()}};
  LoadOptions own = options;
  own.vendor_cache = false;  // the package is what is verified
  Result<void> done = verify_all(package, own, local);
  if (!done) {
    local["ok"] = false;
    local["error"] = done.error().full_message();
  }
  if (report != nullptr) *report = std::move(local);
  return done;
}

}  // namespace speedster::learner
