/// What calibration and quantization must agree on: the same graph, the same nodes.
#pragma once
#include "compressor/channels.h"
#include "compressor/quantize.h"
#include "onnx/model.h"
#include "worker/steps/step.h"

namespace speedster::worker {

struct QuantizationOptions {
  compressor::Target target;
  compressor::StaticOptions fixed;
};
/// From the options target, vnni, calibration, percentile, exclude (patterns) and exclude_nodes (names).
Result<QuantizationOptions> quantization_options(const StepContext& context);
/// The same for this target.
Result<QuantizationOptions> quantization_options(const StepContext& context, const std::string& target);

/// The input "ranges": what calibration found.
Result<Json> calibration_input(const StepContext& context);
/// Of it the ranges of the method that the options name.
Result<compressor::Ranges> ranges_of(const Json& calibration, const QuantizationOptions& options,
                                     const StepContext& context);
/// And what is known of channels, where calibration was asked for them.
inline constexpr const char* kChannels = "channels";
Result<compressor::ChannelTable> channels_of(const Json& calibration, const StepContext& context);

/// The input "model". It should have been rewritten before its ranges are taken.
Result<onnx_model::OnnxModel> model_input(const StepContext& context);

}  // namespace speedster::worker
