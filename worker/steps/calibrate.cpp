#include "base/files.h"
#include "compressor/calibrate.h"
#include "compressor/steps.h"
#include "samples/store.h"
#include "worker/steps/vendor.h"

namespace speedster::worker {
namespace {

constexpr const char* kWho = "calibrate";
// Outputs that may be held at once, whatever the model: what does not fit is observed in another pass.
constexpr std::uint64_t kOutputBytes = std::uint64_t{512} << 20U;

/// A DLTensor over a view; the view's shape must live as long.
DLTensor dl_tensor(const TensorView& view) {
  DLTensor tensor{};
  tensor.data = view.data;
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<std::int32_t>(view.shape.size());
  tensor.dtype = info(view.dtype).dl;
  tensor.shape = const_cast<std::int64_t*>(view.shape.data());
  return tensor;
}

/// Runs samples of a store through a loaded graph; the graph's inputs are found by name.
class GraphRunner {
 public:
  static Result<GraphRunner> load(const backend::Instance& instance, const fs::path& model, const backend::Options& options,
                                  const samples::SampleStore& store) {
    GraphRunner runner(store);
    SPEEDSTER_ASSIGN(runner.model_, instance.load(model, options));
    SPEEDSTER_ASSIGN(runner.signature_, runner.model_->signature());
    SPEEDSTER_ASSIGN(runner.context_, runner.model_->open_context());
    const std::vector<std::string>& names = store.input_names();
    for (const TensorSpec& input : runner.signature_.inputs) {
      const auto it = std::find(names.begin(), names.end(), input.name);
      if (it == names.end())
        return Error(ErrorKind::kInternal, "[calibrate] expected samples for input " + input.name + ", got none");
      runner.order_.push_back(static_cast<std::size_t>(it - names.begin()));
    }
    return runner;
  }

  Result<void> run(std::size_t sample, const compressor::TakeOutputs& take) {
    SPEEDSTER_ASSIGN(const std::vector<TensorView> inputs, store_.sample(sample));
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const DLTensor tensor = dl_tensor(inputs[order_[i]]);
      SPEEDSTER_TRY(context_->bind_input(static_cast<std::uint32_t>(i), &tensor));
    }
    SPEEDSTER_TRY(context_->execute());
    std::vector<TensorView> outputs;
    for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
      DLTensor view{};
      SPEEDSTER_TRY(context_->output(static_cast<std::uint32_t>(i), &view));
      const auto dtype = dtype_from_dl(view.dtype);
      if (!dtype) return Error(ErrorKind::kVendor, "[calibrate] expected numbers in " + signature_.outputs[i].name);
      outputs.push_back({*dtype, {view.shape, static_cast<std::size_t>(view.ndim)}, static_cast<std::byte*>(view.data) + view.byte_offset});
    }
    take(outputs);
    store_.forget(sample);
    return {};
  }

 private:
  explicit GraphRunner(const samples::SampleStore& store) : store_(store) {}
  samples::SampleStore store_;
  std::optional<backend::Model> model_;
  std::optional<backend::Context> context_;
  Signature signature_;
  std::vector<std::size_t> order_;  // of the graph's inputs in the store
};

Result<std::vector<std::size_t>> indices_of(const Json& options, std::size_t samples) {
  SPEEDSTER_ASSIGN(const Json* list, json_array(options, "indices", kWho));
  std::vector<std::size_t> indices;
  for (const Json& item : *list) {
    if (!item.is_number_unsigned() || item.get<std::size_t>() >= samples)
      return Error(ErrorKind::kInternal, "[calibrate] expected indices below " + std::to_string(samples) + ", got " + item.dump());
    indices.push_back(item.get<std::size_t>());
  }
  return indices;
}

}  // namespace

Result<Json> calibrate(const StepContext& context) {
  const Json& options = context.options;
  SPEEDSTER_ASSIGN(const fs::path model_file, context.input("model"));
  SPEEDSTER_ASSIGN(const fs::path samples_folder, context.input("samples"));
  SPEEDSTER_ASSIGN(const std::string backend_name, json_string(options, "backend", kWho));
  SPEEDSTER_ASSIGN(const std::string target_name, json_string(options, "target", kWho));
  SPEEDSTER_ASSIGN(const compressor::Target target, compressor::target_for(target_name, options.value("vnni", false)));
  SPEEDSTER_ASSIGN(const samples::SampleStore store, samples::SampleStore::open(samples_folder));
  SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, onnx_model::OnnxModel::read(model_file));
  SPEEDSTER_ASSIGN(const backend::OpenedVendor vendor, open_backend(backend_name, context));

  compressor::StaticOptions exclusions;
  if (options.contains("exclude")) {
    SPEEDSTER_ASSIGN(exclusions.exclude_patterns, json_strings(options, "exclude", kWho));
  }
  compressor::CalibrateOptions how;
  how.method = options.value("calibration", std::string("minmax")) == "percentile" ? compressor::Calibration::kPercentile
                                                                                    : compressor::Calibration::kMinMax;
  how.percentile = options.value("percentile", how.percentile);
  how.memory_bytes = kOutputBytes;
  how.folder = context.out;
  how.progress = [&](double share) { context.progress(share, "calibrating"); };
  SPEEDSTER_ASSIGN(how.samples, indices_of(options, store.size()));

  // Fused operators would hide the tensors that are to be observed.
  backend::Options load = {{"precision", "fp32"}, {"threads", std::to_string(context.threads)}};
  if (backend_name == "onnxruntime") load["optimization"] = "disable";
  const compressor::LoadModel loader = [&](const fs::path& graph) -> Result<compressor::RunSample> {
    SPEEDSTER_ASSIGN(GraphRunner runner, GraphRunner::load(vendor.instance, graph, load, store));
    auto shared = std::make_shared<GraphRunner>(std::move(runner));
    return compressor::RunSample([shared](std::size_t sample, const compressor::TakeOutputs& take) { return shared->run(sample, take); });
  };
  const auto tensors = compressor::calibration_tensors(model, target, exclusions);
  SPEEDSTER_ASSIGN(const compressor::Ranges ranges, compressor::calibrate(model, tensors, how, loader));
  const fs::path out = context.out / "ranges.json";
  SPEEDSTER_TRY(write_file(out, to_text(compressor::to_json(ranges))));
  return Json{{"files", {{"ranges", context.relative(out)}}}, {"summary", {{"tensors", ranges.size()}, {"samples", how.samples.size()}}}};
}

}  // namespace speedster::worker
