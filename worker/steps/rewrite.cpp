/// Lossless rewriting of the graph, each pass compared with the graph as it came on a few real samples. All candidates
/// of a search share one run of it.
#include "rewrite/rewrite.h"

#include <optional>

#include "base/clock.h"
#include "samples/store.h"
#include "tensor/copy.h"
#include "worker/steps/quantization_options.h"
#include "worker/steps/sample_runner.h"
#include "worker/steps/step.h"
#include "worker/steps/vendor_script.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

using onnx_model::OnnxModel;

// A pass is right or wrong on any sample; more of them only find the rarer exception.
constexpr std::size_t kSamples = 4;
constexpr double kSeconds = 1.0;                                   // of the original on them
constexpr std::uint64_t kOutputBytes = std::uint64_t{256} << 20U;  // of it, kept

/// The graph as it came, run once, and whatever is compared with it.
class Referee {
 public:
  static Result<Referee> make(const StepContext& context, const fs::path& model) {
    SPEEDSTER_ASSIGN(const fs::path samples_path, context.input("samples"));
    SPEEDSTER_ASSIGN(samples::SampleStore store, samples::SampleStore::open(samples_path));
    SPEEDSTER_ASSIGN(std::vector<std::size_t> chosen, chosen_samples(context, store));
    if (chosen.empty())
      return Error(ErrorKind::kUsage, "[rewrite] expected samples to compare on, got none; try --data with some");
    const std::string name = context.text("backend", "onnxruntime");
    SPEEDSTER_ASSIGN(backend::OpenedVendor vendor, open_backend(name));
    Referee referee(context, name, std::move(vendor), std::move(store));
    SPEEDSTER_TRY(make_directories(referee.folder()));
    SPEEDSTER_TRY(referee.run_original(model, chosen));
    return referee;
  }

  Result<rewrite::Distance> compare(const OnnxModel& model) {
    const fs::path file = folder() / "rewritten.onnx";
    SPEEDSTER_TRY(model.save(file));
    SPEEDSTER_ASSIGN(SampleRunner runner, load(file));
    rewrite::Comparison comparison;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      std::vector<TensorView> expected;
      for (const Tensor& output : outputs_[i]) expected.push_back(output.view());
      SPEEDSTER_TRY(runner.run(samples_[i], [&](std::span<const TensorView> got) { comparison.add(expected, got); }));
    }
    return comparison.distance();
  }

  /// Nothing failed: neither the graphs nor the vendor's script are needed any more.
  Result<void> clear() const {
    if (script_) script_->not_needed();
    return remove_directory(folder());
  }

  Json summary() const {
    return {{"samples", samples_.size()}, {"vendor_version", vendor_.version}, {"options", options_}};
  }

 private:
  Referee(const StepContext& context, std::string backend, backend::OpenedVendor vendor, samples::SampleStore store)
      : context_(&context),
        backend_(std::move(backend)),
        vendor_(std::move(vendor)),
        options_(SampleRunner::options(vendor_.instance, context.threads)),
        store_(std::move(store)) {}

  fs::path folder() const { return context_->directory / "graphs"; }

  Result<SampleRunner> load(const fs::path& file) {
    script_.emplace(*context_, backend_, vendor_.version, options_, file);
    return SampleRunner::load(vendor_.instance, file, options_, store_);
  }

  Result<void> run_original(const fs::path& model, const std::vector<std::size_t>& chosen) {
    SPEEDSTER_ASSIGN(SampleRunner runner, load(model));
    const double begin = now_seconds();
    std::uint64_t bytes = 0;
    for (const std::size_t sample : chosen) {
      std::vector<Tensor> outputs;
      SPEEDSTER_TRY(runner.run(sample, [&](std::span<const TensorView> views) {
        for (const TensorView& view : views) outputs.push_back(copy_of(view));
      }));
      for (const Tensor& output : outputs) bytes += output.bytes();
      samples_.push_back(sample);
      outputs_.push_back(std::move(outputs));
      if (samples_.size() == kSamples || bytes > kOutputBytes || now_seconds() - begin > kSeconds) break;
    }
    return {};
  }

  const StepContext* context_;
  std::string backend_;
  backend::OpenedVendor vendor_;
  backend::Options options_;
  samples::SampleStore store_;
  std::vector<std::size_t> samples_;
  std::vector<std::vector<Tensor>> outputs_;
  std::optional<VendorScript> script_;
};

}  // namespace

Result<Json> rewrite_step(const StepContext& context) {
  rewrite::Options options;
  options.disabled = context.texts("disable");
  SPEEDSTER_ASSIGN(const fs::path path, context.input("model"));
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  SPEEDSTER_TRY(rewrite::check_names(options.disabled));
  SPEEDSTER_ASSIGN(Referee referee, Referee::make(context, path));
  options.verify = [&](const OnnxModel& next) { return referee.compare(next); };
  SPEEDSTER_ASSIGN(const rewrite::Rewriting done, rewrite::rewrite(model, options));
  SPEEDSTER_TRY(referee.clear());
  SPEEDSTER_TRY(model.save(context.out / "model.onnx"));
  Json summary = rewrite::to_json(done);
  summary.update(referee.summary());
  return Json{{"files", {{"model", "out/model.onnx"}}}, {"summary", std::move(summary)}};
}

}  // namespace speedster::worker
