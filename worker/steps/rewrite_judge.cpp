#include "worker/steps/rewrite_judge.h"

#include <algorithm>

#include "base/clock.h"
#include "tensor/copy.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

// A pass is right or wrong on any sample; more of them only find the rarer exception.
constexpr std::size_t kSamples = 4;
constexpr std::uint64_t kOutputBytes = std::uint64_t{256} << 20U;  // of it, kept

}  // namespace

RewriteJudge::RewriteJudge(const StepContext& context, std::string backend, backend::OpenedVendor vendor,
                           samples::SampleStore store, const backend::Options& more)
    : context_(&context),
      backend_(std::move(backend)),
      vendor_(std::move(vendor)),
      options_(SampleRunner::options(vendor_.instance, context.threads)),
      store_(std::move(store)) {
  for (const auto& [key, value] : more) options_[key] = value;
}

Result<RewriteJudge> RewriteJudge::make(const StepContext& context, const std::string& backend,
                                        const fs::path& original, double seconds, const backend::Options& more) {
  SPEEDSTER_ASSIGN(const fs::path samples_path, context.input("samples"));
  SPEEDSTER_ASSIGN(samples::SampleStore store, samples::SampleStore::open(samples_path));
  SPEEDSTER_ASSIGN(const std::vector<std::size_t> chosen, chosen_samples(context, store));
  if (chosen.empty())
    return Error(ErrorKind::kUsage,
                 "[" + context.step + "] expected samples to compare on, got none; try --data with some");
  SPEEDSTER_ASSIGN(backend::OpenedVendor vendor, open_backend(backend));
  RewriteJudge judge(context, backend, std::move(vendor), std::move(store), more);
  SPEEDSTER_TRY(make_directories(folder(context)));
  SPEEDSTER_TRY(judge.run_original(original, chosen, seconds));
  return judge;
}

Result<SampleRunner> RewriteJudge::load(const fs::path& file) {
  script_.emplace(*context_, backend_, vendor_.version, options_, file);
  return SampleRunner::load(vendor_.instance, file, options_, store_);
}

Result<void> RewriteJudge::run_original(const fs::path& model, const std::vector<std::size_t>& chosen, double seconds) {
  SPEEDSTER_ASSIGN(SampleRunner runner, load(model));
  const double begin = now_seconds();
  std::uint64_t bytes = 0;
  for (const std::size_t sample : chosen) {
    std::vector<Tensor> outputs;
    SPEEDSTER_TRY(runner.run(sample, [&](std::span<const TensorView> views) {
      std::transform(views.begin(), views.end(), std::back_inserter(outputs), copy_of);
    }));
    for (const Tensor& output : outputs) bytes += output.bytes();
    samples_.push_back(sample);
    outputs_.push_back(std::move(outputs));
    if (samples_.size() == kSamples || bytes > kOutputBytes || now_seconds() - begin > seconds) break;
  }
  call_seconds_ = (now_seconds() - begin) / static_cast<double>(samples_.size());
  return {};
}

Result<rewrite::Distance> RewriteJudge::compare(const fs::path& rewritten) {
  SPEEDSTER_ASSIGN(SampleRunner runner, load(rewritten));
  rewrite::Comparison comparison;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    std::vector<TensorView> expected;
    for (const Tensor& output : outputs_[i]) expected.push_back(output.view());
    SPEEDSTER_TRY(runner.run(samples_[i], [&](std::span<const TensorView> got) { comparison.add(expected, got); }));
  }
  rewrite::Distance distance = comparison.distance();
  distance.judge = backend_;
  return distance;
}

Result<std::vector<Tensor>> RewriteJudge::evaluate(const onnx_model::OnnxModel& model) {
  const fs::path file = folder(*context_) / "constants.onnx";
  SPEEDSTER_TRY(model.save(file));
  SPEEDSTER_ASSIGN(SampleRunner runner, load(file));
  std::vector<Tensor> outputs;
  SPEEDSTER_TRY(runner.run(samples_.front(), [&](std::span<const TensorView> views) {
    std::transform(views.begin(), views.end(), std::back_inserter(outputs), copy_of);
  }));
  return outputs;
}

void RewriteJudge::not_needed() const {
  if (script_) script_->not_needed();
}

Json RewriteJudge::summary() const {
  return {{"samples", samples_.size()}, {"vendor_version", vendor_.version}, {"options", options_}};
}

}  // namespace speedster::worker
