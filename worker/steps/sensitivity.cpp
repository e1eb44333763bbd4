/// What each node that can run in int8 does to the outputs, on a graph whose nodes can be switched while it runs.
#include "compressor/sensitivity.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <functional>

#include "compressor/placement.h"
#include "compressor/steps.h"
#include "compressor/switches.h"
#include "onnx/likeness.h"
#include "worker/steps/quantization_options.h"
#include "worker/steps/sample_runner.h"
#include "worker/steps/step.h"
#include "worker/steps/vendor_script.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

struct Nodes {
  std::vector<std::string> names;
  std::vector<std::vector<std::size_t>> groups;
};

/// Those that the quantizer takes, in its order, and which of them are alike in the model as it is.
Nodes nodes_of(const onnx_model::OnnxModel& model, const QuantizationOptions& options) {
  onnx_model::OnnxModel copy = model.clone();
  const onnx_model::Graph graph(copy);
  std::vector<::onnx::NodeProto*> nodes;
  for (const compressor::QuantizedNode& quantized :
       compressor::place_quantizers(graph, options.target, options.fixed).nodes)
    nodes.push_back(quantized.node);
  Nodes result;
  for (const ::onnx::NodeProto* node : nodes) result.names.push_back(onnx_model::node_label(*node));
  result.groups = onnx_model::like_nodes(graph, nodes);
  return result;
}

}  // namespace

Result<Json> sensitivity_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(const QuantizationOptions options, quantization_options(context));
  SPEEDSTER_ASSIGN(const Json calibration, calibration_input(context));
  SPEEDSTER_ASSIGN(const compressor::Ranges ranges, ranges_of(calibration, options, context));
  SPEEDSTER_ASSIGN(const fs::path samples_path, context.input("samples"));
  SPEEDSTER_ASSIGN(const samples::SampleStore store, samples::SampleStore::open(samples_path));
  SPEEDSTER_ASSIGN(onnx_model::OnnxModel model, model_input(context));
  const Nodes nodes = nodes_of(model, options);
  SPEEDSTER_ASSIGN(const std::vector<std::string> switched,
                   compressor::with_switches(model, options.target, ranges, options.fixed));
  if (switched != nodes.names)
    return Error(ErrorKind::kInternal, "[sensitivity] expected one switch for each node that is quantized");

  const std::string backend = context.text("backend", "onnxruntime");
  SPEEDSTER_ASSIGN(const backend::OpenedVendor vendor, open_backend(backend));
  const backend::Options load = SampleRunner::options(vendor.instance, context.threads);
  const fs::path folder = context.directory / "graphs", file = folder / "switched.onnx";
  SPEEDSTER_TRY(make_directories(folder));
  SPEEDSTER_TRY(model.save(file));
  const VendorScript script(context, backend, vendor.version, load, file);
  std::vector<std::uint8_t> switches(nodes.names.size(), 0);
  const Shape shape{static_cast<std::int64_t>(switches.size())};
  SPEEDSTER_ASSIGN(SampleRunner runner,
                   SampleRunner::load(vendor.instance, file, load, store,
                                      {{compressor::kSwitchInput, TensorView{DType::kBool, shape, switches.data()}}}));

  compressor::SensitivityOptions sensitivity;
  SPEEDSTER_ASSIGN(sensitivity.samples, chosen_samples(context, store));
  sensitivity.most_seconds = context.number("most_seconds", sensitivity.most_seconds);
  sensitivity.progress = [&](double share) { context.progress(share, "sensitivity"); };
  const std::string output = context.text("output", "");
  for (const TensorSpec& spec : runner.outputs()) sensitivity.judged.push_back(output.empty() || spec.name == output);
  if (std::ranges::none_of(sensitivity.judged, std::identity()))
    return Error(ErrorKind::kUsage, "[sensitivity] expected an output of the model, got \"" + output + "\"");
  SPEEDSTER_ASSIGN(compressor::Sensitivities found, compressor::sensitivities(
                                                        nodes.names, nodes.groups,
                                                        [&](std::size_t sample, const std::vector<std::uint8_t>& wanted,
                                                            const compressor::TakeOutputs& take) {
                                                          std::ranges::copy(wanted, switches.begin());
                                                          return runner.run(sample, take);
                                                        },
                                                        sensitivity));
  std::ranges::fill(switches, std::uint8_t{0});
  SPEEDSTER_ASSIGN(const auto seconds, runner.seconds_by_node());
  for (compressor::NodeSensitivity& node : found.nodes)
    if (const auto known = seconds.find(node.node); known != seconds.end()) node.seconds = known->second;
  script.not_needed();
  SPEEDSTER_TRY(remove_directory(folder));
  SPEEDSTER_TRY(write_file(context.out / "sensitivities.json", to_text(compressor::to_json(found), 1) + "\n"));
  return Json{{"files", {{"sensitivities", "out/sensitivities.json"}}},
              {"summary",
               {{"nodes", nodes.names.size()},
                {"groups", nodes.groups.size()},
                {"samples", found.samples},
                {"vendor_version", vendor.version}}}};
}

}  // namespace speedster::worker
