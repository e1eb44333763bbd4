/// Calibration: ranges of activation tensors over samples, one sample at a time, in groups of tensors that fit a memory
/// bound. Whoever calls says how an ONNX file is run, so that this room knows no runtime.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "compressor/channels.h"
#include "compressor/quantize.h"

namespace speedster::compressor {

/// Runs one sample; `take` gets the graph's outputs in order, valid during the call.
using TakeOutputs = std::function<void(std::span<const TensorView>)>;
using RunSample = std::function<Result<void>(std::size_t sample, const TakeOutputs& take)>;
/// Loads an ONNX file (at fp32, graph optimizations off).
using LoadModel = std::function<Result<RunSample>(const std::filesystem::path& model)>;

struct CalibrateOptions {
  Calibration method = Calibration::kMinMax;  ///< any other gives all methods
  double percentile = 99.99;
  std::vector<std::size_t> samples;                      ///< which samples to run, in this order
  std::optional<std::size_t> largest_sample;             ///< of them, where they differ in size
  std::map<std::string, std::size_t> channels;           ///< tensors whose channels are looked at → axes behind those
  std::uint64_t memory_bytes = std::uint64_t{1} << 30U;  ///< outputs that may be held at once
  std::filesystem::path folder;          ///< for the graphs with more outputs; a temporary folder if empty
  std::function<void(double)> progress;  ///< 0 to 1
};

struct Calibrated {
  std::map<Calibration, Ranges> ranges;  ///< kMinMax alone where that was the method, else all
  ChannelTable channels;
};
/// Ranges of `tensors`. Two of them and one sample show how large an output is; the size of each group follows from
/// the largest so far.
/// Kinds: usage (no samples), bad input (no tensor was ever finite), cancelled, and what `load` and its runs give.
Result<Calibrated> calibrate(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
                             const CalibrateOptions& options, const LoadModel& load, const CancelToken& cancel = {});

}  // namespace speedster::compressor
