/// What the compressor's tests share: calibrate on the reference backend.
#pragma once
#include <onnx-ml.pb.h>

#include <map>
#include <string>
#include <vector>

#include "compressor/calibrate.h"
#include "compressor/migration.h"
#include "compressor/quantize.h"
#include "support/graphs.h"
#include "support/models.h"

namespace speedster::compressor {

/// Over random samples of one input.
inline Calibrated calibrated_on_reference(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
                                          const Shape& shape, std::size_t samples, CalibrateOptions options) {
  for (std::size_t i = 0; i < samples; ++i) options.samples.push_back(i);
  const LoadModel load = [&](const std::filesystem::path& path) -> Result<RunSample> {
    auto runner = std::make_shared<testing::ReferenceRunner>(path);
    return RunSample([runner, shape](std::size_t sample, const TakeOutputs& take) -> Result<void> {
      std::vector<Tensor> inputs;
      inputs.push_back(testing::random_tensor(shape, 100 + sample));
      const std::vector<Tensor> outputs = runner->run(inputs);
      std::vector<TensorView> views;
      for (const Tensor& output : outputs) views.push_back(output.view());
      take(views);
      return {};
    });
  };
  return testing::value_or_throw(calibrate(model, tensors, options, load));
}

inline Ranges calibrated(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
                         const Shape& shape, std::size_t samples = 4, std::uint64_t memory = std::uint64_t{1} << 30U) {
  CalibrateOptions options;
  options.memory_bytes = memory;
  return calibrated_on_reference(model, tensors, shape, samples, options).ranges.at(Calibration::kMinMax);
}

/// Of every activation that a layer reads.
inline ChannelTable calibrated_channels(const onnx_model::OnnxModel& model, const Shape& shape) {
  CalibrateOptions options;
  options.channels = channel_axes(model);
  std::vector<std::string> tensors;
  for (const auto& [tensor, behind] : options.channels) tensors.push_back(tensor);
  return calibrated_on_reference(model, tensors, shape, 4, options).channels;
}

}  // namespace speedster::compressor
