#include "learner/verify.h"

#include <algorithm>
#include <limits>

#include "base/clock.h"
#include "learner/example_inputs.h"
#include "package/samples.h"
#include "package/writer.h"
#include "tensor/difference.h"

namespace speedster::learner {
namespace {

constexpr int kTimedCalls = 10;
constexpr double kTimedSeconds = 0.2;

Result<TensorView> from_dl(const DLTensor& tensor) {
  const auto dtype = dtype_from_dl(tensor.dtype);
  if (!dtype) return Error(ErrorKind::kUnsupported, "[verify] expected an output of a known dtype, got another");
  auto* data = tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  return TensorView{*dtype, {tensor.shape, static_cast<std::size_t>(tensor.ndim)}, data};
}

/// Runs one sample; the worst of its outputs.
class SampleCheck {
 public:
  SampleCheck(const Learner& learner, Context& context, double limit)
      : learner_(learner), context_(context), limit_(limit) {}

  Result<void> bind(const package::PackagedSamples::Sample& sample) {
    const std::vector<TensorSpec>& inputs = learner_.signature().inputs;
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
  Result<void> run() { return backend::take_error(context_.execute(), context_.who()); }
  Result<void> compare(const package::PackagedSamples::Sample& sample, std::size_t index) {
    const std::vector<TensorSpec>& outputs = learner_.signature().outputs;
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
      worst_l2 = std::max(worst_l2, seen.relative_l2);
      worst_cosine = std::min(worst_cosine, seen.cosine);
      if (!(seen.relative_l2 <= limit_))
        return refuse("a relative L2 difference of " + std::to_string(seen.relative_l2) + " (limit " +
                      std::to_string(limit_) + ")");
    }
    return {};
  }
  double worst_l2 = 0, worst_cosine = 1;

 private:
  const Learner& learner_;
  Context& context_;
  double limit_;
};

Result<double> median_seconds(SampleCheck& check) {
  std::vector<double> calls;
  for (const double begin = now_seconds(); calls.size() < kTimedCalls || now_seconds() - begin < kTimedSeconds;) {
    const double start = now_seconds();
    SPEEDSTER_TRY(check.run());
    calls.push_back(now_seconds() - start);
  }
  std::nth_element(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(calls.size() / 2), calls.end());
  return calls[calls.size() / 2];
}

Json judged_latency(const package::Variant& variant) {
  const auto latency = variant.measured.find("latency_seconds");
  if (latency == variant.measured.end()) return nullptr;
  if (latency->is_object() && latency->contains("value")) return (*latency)["value"];
  return *latency;
}

Result<void> verify_samples(const Learner& learner, const package::PackagedSamples& packaged, Context& context,
                            Json& report) {
  const double limit = difference_limit(learner.variant());
  report["limit"] = limit;
  SampleCheck check(learner, context, limit);
  Result<void> held;
  for (std::size_t i = 0; i < packaged.samples.size() && held; ++i) {
    SPEEDSTER_TRY(check.bind(packaged.samples[i]));
    SPEEDSTER_TRY(check.run());
    held = check.compare(packaged.samples[i], i);
  }
  report["samples"] = packaged.samples.size();
  report["relative_l2"] = json_from_number(check.worst_l2);
  report["cosine"] = json_from_number(check.worst_cosine);
  SPEEDSTER_TRY(std::move(held));
  if (packaged.samples.empty()) return {};
  SPEEDSTER_TRY(check.bind(packaged.samples.front()));
  SPEEDSTER_ASSIGN(report["latency_seconds"], median_seconds(check));
  report["judged_latency_seconds"] = judged_latency(learner.variant());
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
  SPEEDSTER_ASSIGN(Context context, Context::create(learner));
  return verify_samples(*learner, packaged, context, report);
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
  Result<void> done = verify_all(package, options, local);
  if (!done) {
    local["ok"] = false;
    local["error"] = done.error().full_message();
  }
  if (report != nullptr) *report = std::move(local);
  return done;
}

}  // namespace speedster::learner
