/// What the compressor's tests share: run before and after, count operators, calibrate on the reference backend.
#pragma once
#include <onnx-ml.pb.h>

#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "compressor/calibrate.h"
#include "compressor/quantize.h"
#include "onnx/graph.h"
#include "support/models.h"
#include "support/reference_runner.h"
#include "tensor/difference.h"

namespace speedster::compressor {

inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, float low = -1, float high = 1) {
  const std::vector<float> values = testing::uniform(static_cast<std::size_t>(*element_count(shape)), seed, low, high);
  return Tensor::from<float>(DType::kFloat32, shape, std::span<const float>(values));
}

/// The first output for one float input.
inline Tensor run(const onnx_model::OnnxModel& model, const Tensor& input) {
  const TempDir folder = testing::value_or_throw(TempDir::create("compressor"));
  const std::filesystem::path path = folder.path() / "model.onnx";
  testing::ok_or_throw(model.save(path));
  std::vector<Tensor> inputs;
  inputs.push_back(input.clone());
  return std::move(testing::ReferenceRunner(path).run(inputs).at(0));
}

inline Difference compare(const onnx_model::OnnxModel& original, const onnx_model::OnnxModel& changed,
                          const Tensor& input) {
  const Tensor a = run(original, input), b = run(changed, input);
  return difference(a.view(), b.view());
}

/// Ranges over random samples of one input.
inline Ranges calibrated(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
                         const Shape& shape, std::size_t samples = 4, std::uint64_t memory = std::uint64_t{1} << 30U) {
  CalibrateOptions options;
  options.memory_bytes = memory;
  for (std::size_t i = 0; i < samples; ++i) options.samples.push_back(i);
  const LoadModel load = [&](const std::filesystem::path& path) -> Result<RunSample> {
    auto runner = std::make_shared<testing::ReferenceRunner>(path);
    return RunSample([runner, shape](std::size_t sample, const TakeOutputs& take) -> Result<void> {
      std::vector<Tensor> inputs;
      inputs.push_back(random_tensor(shape, 100 + sample));
      const std::vector<Tensor> outputs = runner->run(inputs);
      std::vector<TensorView> views;
      for (const Tensor& output : outputs) views.push_back(output.view());
      take(views);
      return {};
    });
  };
  return testing::value_or_throw(calibrate(model, tensors, options, load)).at(Calibration::kMinMax);
}

inline std::size_t count(const onnx_model::OnnxModel& model, const std::string& op) {
  const auto operators = model.operators();
  const auto found = operators.find(op);
  return found == operators.end() ? 0 : found->second;
}

inline const ::onnx::NodeProto* node_named(const onnx_model::OnnxModel& model, const std::string& name) {
  for (const auto& node : model.proto().graph().node())
    if (node.name() == name) return &node;
  return nullptr;
}

}  // namespace speedster::compressor
