/// Ranges of the activations that static quantization needs, observed at fp32 with graph optimizations off. Without the
/// options target and calibration they serve every target and method: all static candidates of a search share one run.
#include "compressor/calibrate.h"

#include <optional>
#include <set>

#include "compressor/steps.h"
#include "samples/store.h"
#include "worker/steps/quantization_options.h"
#include "worker/steps/step.h"
#include "worker/steps/vendor_script.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

/// `key` = `value` where the plug-in has such an option.
void set_if_known(const backend::Plugin& plugin, backend::Options& options, const char* key, const std::string& value) {
  const Json known = plugin.description().value("options", Json::object());
  if (known.is_object() && known.contains(key)) options[key] = value;
}

/// Runs samples of the store on an ONNX file, with the outputs left to the backend.
class SampleRunner {
 public:
  static backend::Options options(const backend::Instance& instance, int threads) {
    backend::Options options;
    set_if_known(instance.plugin(), options, "precision", "fp32");
    set_if_known(instance.plugin(), options, "optimization", "disable");
    set_if_known(instance.plugin(), options, "threads", std::to_string(threads));
    // Between two calls it is the ranges that need the processor.
    set_if_known(instance.plugin(), options, "spinning", "0");
    return options;
  }

  static Result<compressor::RunSample> load(const backend::Instance& instance, const fs::path& file,
                                            const backend::Options& options, const samples::SampleStore& store) {
    SPEEDSTER_ASSIGN(backend::Model model, instance.load(file, options));
    SPEEDSTER_ASSIGN(Signature signature, model.signature());
    SPEEDSTER_ASSIGN(backend::Context context, model.open_context());
    std::vector<std::size_t> place;  // of each of the model's inputs in a sample
    for (const TensorSpec& input : signature.inputs) {
      const auto& names = store.input_names();
      const auto found = std::find(names.begin(), names.end(), input.name);
      if (found == names.end())
        return Error(ErrorKind::kBadInput,
                     "[calibrate] expected samples of the input \"" + input.name + "\", got none");
      place.push_back(static_cast<std::size_t>(found - names.begin()));
    }
    auto self = std::make_shared<SampleRunner>(std::move(context), std::move(place), signature.outputs.size(), store);
    return compressor::RunSample(
        [self](std::size_t sample, const compressor::TakeOutputs& take) { return self->run(sample, take); });
  }

  SampleRunner(backend::Context context, std::vector<std::size_t> place, std::size_t outputs,
               samples::SampleStore store)
      : context_(std::move(context)), place_(std::move(place)), outputs_(outputs), store_(std::move(store)) {}

  Result<void> run(std::size_t sample, const compressor::TakeOutputs& take) {
    SPEEDSTER_ASSIGN(const std::vector<TensorView> inputs, store_.sample(sample));
    for (std::uint32_t i = 0; i < place_.size(); ++i) {
      const DLTensor tensor = to_dl(inputs[place_[i]]);
      SPEEDSTER_TRY(context_.bind_input(i, &tensor));
    }
    SPEEDSTER_TRY(context_.execute());
    std::vector<TensorView> views;
    for (std::uint32_t i = 0; i < outputs_; ++i) {
      DLTensor view{};
      SPEEDSTER_TRY(context_.output(i, &view));
      const std::optional<DType> dtype = dtype_from_dl(view.dtype);
      if (!dtype) return Error(ErrorKind::kUnsupported, "[calibrate] expected outputs of a known dtype, got another");
      views.push_back({*dtype,
                       {view.shape, static_cast<std::size_t>(view.ndim)},
                       static_cast<std::byte*>(view.data) + view.byte_offset});
    }
    take(views);
    store_.forget(sample);
    return {};
  }

 private:
  static DLTensor to_dl(const TensorView& view) {
    return {view.data,
            {kDLCPU, 0},
            static_cast<std::int32_t>(view.shape.size()),
            info(view.dtype).dl,
            const_cast<std::int64_t*>(view.shape.data()),
            nullptr,
            0};
  }

  backend::Context context_;
  std::vector<std::size_t> place_;
  std::size_t outputs_;
  samples::SampleStore store_;
};

Result<std::vector<std::size_t>> chosen(const StepContext& context, const samples::SampleStore& store) {
  std::vector<std::size_t> indices;
  const auto given = context.options.find("indices");
  if (given == context.options.end() || !given->is_array()) {
    for (std::size_t i = 0; i < store.size(); ++i) indices.push_back(i);
    return indices;
  }
  for (const Json& index : *given) {
    if (!index.is_number_unsigned() || index.get<std::size_t>() >= store.size())
      return Error(ErrorKind::kUsage,
                   "[calibrate] expected indices below " + std::to_string(store.size()) + ", got " + index.dump());
    indices.push_back(index.get<std::size_t>());
  }
  return indices;
}

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

}  // namespace

Result<Json> calibrate_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path samples_path, context.input("samples"));
  SPEEDSTER_ASSIGN(const samples::SampleStore store, samples::SampleStore::open(samples_path));
  SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, model_input(context));
  SPEEDSTER_ASSIGN(const std::vector<std::string> tensors, wanted_tensors(context, model));
  const std::string backend = context.text("backend", "onnxruntime");
  SPEEDSTER_ASSIGN(const backend::OpenedVendor vendor, open_backend(backend));

  compressor::CalibrateOptions calibration;
  if (context.text("calibration", "percentile") == "percentile")
    calibration.method = compressor::Calibration::kPercentile;
  calibration.percentile = context.number("percentile", calibration.percentile);
  SPEEDSTER_ASSIGN(calibration.samples, chosen(context, store));
  calibration.memory_bytes =
      static_cast<std::uint64_t>(context.number("memory_bytes", static_cast<double>(calibration.memory_bytes)));
  // What the vendor fails on stays, for its script.
  calibration.folder = context.directory / "graphs";
  SPEEDSTER_TRY(make_directories(calibration.folder));
  const backend::Options options = SampleRunner::options(vendor.instance, context.threads);
  std::optional<VendorScript> script;
  calibration.progress = [&](double share) { context.progress(share, "calibrate"); };
  SPEEDSTER_ASSIGN(const compressor::CalibratedRanges ranges,
                   compressor::calibrate(model, tensors, calibration, [&](const fs::path& file) {
                     script.emplace(context, backend, vendor.version, options, file);
                     return SampleRunner::load(vendor.instance, file, options, store);
                   }));
  if (script) script->not_needed();
  SPEEDSTER_TRY(remove_directory(calibration.folder));
  Json json = {{"minmax", compressor::to_json(ranges.minmax)}};
  if (!ranges.percentile.empty()) json["percentile"] = compressor::to_json(ranges.percentile);
  SPEEDSTER_TRY(write_file(context.out / "ranges.json", to_text(json, 1) + "\n"));
  return Json{{"files", {{"ranges", "out/ranges.json"}}},
              {"summary",
               {{"tensors", tensors.size()},
                {"samples", calibration.samples.size()},
                {"vendor_version", vendor.version},
                {"options", options}}}};
}

}  // namespace speedster::worker
