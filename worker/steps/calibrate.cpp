/// Ranges of the activations that static quantization needs, observed at fp32 with graph optimizations off. Without the
/// options target and calibration they serve every target and method: all static candidates of a search share one run.
#include "compressor/calibrate.h"

#include <algorithm>
#include <optional>
#include <set>

#include "compressor/migration.h"
#include "compressor/steps.h"
#include "samples/store.h"
#include "worker/steps/quantization_options.h"
#include "worker/steps/sample_runner.h"
#include "worker/steps/step.h"
#include "worker/steps/vendor_script.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

Result<std::vector<std::string>> wanted_tensors(const StepContext& context, const onnx_model::OnnxModel& model) {
  std::vector<std::string> targets = {context.text("target", "")};
  if (targets.front().empty()) targets = compressor::static_targets();
  std::vector<std::string> tensors;
  std::set<std::string> known;
  for (const std::string& target : targets) {
    SPEEDSTER_ASSIGN(const QuantizationOptions options, quantization_options(context, target));
    for (std::string& tensor : compressor::calibration_tensors(model, options.target, options.fixed))
      if (known.insert(tensor).second) tensors.push_back(std::move(tensor));
  }
  if (tensors.empty())
    return Error(ErrorKind::kUnsupported, "[calibrate] expected nodes that can run in int8, got none");
  return tensors;
}

Result<compressor::RunSample> run_on(const backend::Instance& instance, const fs::path& file,
                                     const backend::Options& options, const samples::SampleStore& store) {
  SPEEDSTER_ASSIGN(SampleRunner loaded, SampleRunner::load(instance, file, options, store));
  const auto runner = std::make_shared<SampleRunner>(std::move(loaded));
  return compressor::RunSample(
      [runner](std::size_t sample, const compressor::TakeOutputs& take) { return runner->run(sample, take); });
}

}  // namespace

Result<Json> calibrate_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path samples_path, context.input("samples"));
  SPEEDSTER_ASSIGN(const samples::SampleStore store, samples::SampleStore::open(samples_path));
  SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, model_input(context));
  SPEEDSTER_ASSIGN(const std::vector<std::string> tensors, wanted_tensors(context, model));
  const std::string backend = context.text("backend", "onnxruntime");
  SPEEDSTER_ASSIGN(const backend::OpenedVendor vendor, open_backend(backend));

  compressor::CalibrateOptions calibration;
  // Whatever a candidate wants: all of them share this run.
  if (context.text("calibration", "") != "minmax") calibration.method = compressor::Calibration::kPercentile;
  calibration.percentile = context.number("percentile", calibration.percentile);
  if (context.flag("channels", false)) calibration.channels = compressor::channel_axes(model);
  SPEEDSTER_ASSIGN(calibration.samples, chosen_samples(context, store));
  if (!calibration.samples.empty())
    calibration.largest_sample =
        *std::ranges::max_element(calibration.samples, {}, [&](std::size_t i) { return store.bytes(i); });
  calibration.memory_bytes =
      static_cast<std::uint64_t>(context.number("memory_bytes", static_cast<double>(calibration.memory_bytes)));
  // What the vendor fails on stays, for its script.
  calibration.folder = context.directory / "graphs";
  SPEEDSTER_TRY(make_directories(calibration.folder));
  const backend::Options options = SampleRunner::options(vendor.instance, context.threads);
  std::optional<VendorScript> script;
  calibration.progress = [&](double share) { context.progress(share, "calibrate"); };
  SPEEDSTER_ASSIGN(
      const compressor::Calibrated calibrated,
      compressor::calibrate(model, tensors, calibration, [&](const fs::path& file) -> Result<compressor::RunSample> {
        script.emplace(context, backend, vendor.version, options, file);
        return run_on(vendor.instance, file, options, store);
      }));
  if (script) script->not_needed();
  SPEEDSTER_TRY(remove_directory(calibration.folder));
  Json json = Json::object();
  for (const auto& [method, found] : calibrated.ranges)
    json[compressor::calibration_name(method)] = compressor::to_json(found);
  if (!calibration.channels.empty()) json[kChannels] = compressor::to_json(calibrated.channels);
  SPEEDSTER_TRY(write_file(context.out / "ranges.json", to_text(json, 1) + "\n"));
  return Json{{"files", {{"ranges", "out/ranges.json"}}},
              {"summary",
               {{"tensors", tensors.size()},
                {"samples", calibration.samples.size()},
                {"vendor_version", vendor.version},
                {"options", options}}}};
}

}  // namespace speedster::worker
