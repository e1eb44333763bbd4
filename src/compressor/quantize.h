/// Quantization and half precision on the ONNX graph. What gets quantized, signedness and granularity come from a table
/// per target backend (targets.h): one graph does not serve two vendors.
#pragma once
#include <speedster/error.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compressor/channels.h"
#include "onnx/model.h"

namespace speedster::compressor {

/// How one backend wants its int8 graph.
struct Target {
  std::string name;                        ///< "onnxruntime", "openvino"
  std::set<std::string> static_operators;  ///< operators with QDQ on activations and weights
  std::set<std::string> pass_through;      ///< operators that run in int8 between quantized ones (MaxPool, Reshape, …)
  bool quantize_outputs = true;            ///< outputs of convolutions, too: without it nothing fuses in ONNX Runtime
  bool computed_matmul = false;            ///< MatMul of two computed values (attention), too
  bool unsigned_activations = true;        ///< U8 activations on x86
  bool per_channel = true;
  int weight_bits = 8;        ///< 7 on processors without VNNI: pairs of products would saturate
  bool quantize_bias = true;  ///< int32 bias with scale = activation × weight
};
/// The table. Kind unsupported for a backend that has no row.
Result<Target> target_for(std::string_view backend, bool vnni);
/// The backends that have a row.
std::vector<std::string> static_targets();

/// How a range is taken from what calibration saw: the extremes; what cuts a share of the values; what gives the least
/// squared error of rounding and cutting together; what changes the distribution least (Kullback-Leibler divergence:
/// Migacz, "8-bit inference with TensorRT", GTC 2017).
enum class Calibration { kMinMax, kPercentile, kMse, kEntropy };
const char* calibration_name(Calibration method);  ///< "minmax" "percentile" "mse" "entropy"
std::optional<Calibration> calibration_named(std::string_view name);
/// All of them, the extremes first.
std::span<const Calibration> calibrations();

/// Range of one tensor, from calibration.
struct Range {
  double low = 0, high = 0;
};
using Ranges = std::map<std::string, Range>;

struct StaticOptions {
  Calibration calibration = Calibration::kMinMax;
  double percentile = 99.99;
  std::set<std::string> exclude_nodes;        ///< by name
  std::vector<std::string> exclude_patterns;  ///< shell patterns on node names or operator types
  /// Of activations: where they are known, biases are corrected (bias_correction.h).
  ChannelTable channels;
};

/// Activation tensors whose ranges static quantization needs, in topological order.
std::vector<std::string> calibration_tensors(const onnx_model::OnnxModel& model, const Target& target,
                                             const StaticOptions& options);
/// A copy of the graph whose outputs are these tensors.
Result<onnx_model::OnnxModel> with_outputs(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors);

/// Streaming statistics of calibrated tensors: memory does not grow with the number of samples (2048-bin histograms
/// that widen by doubling). NaN and infinity are left out.
class RangeCollector {
 public:
  /// `calibration`: kMinMax keeps no histograms, any other keeps what every method needs.
  RangeCollector(Calibration calibration, double percentile);
  ~RangeCollector();
  RangeCollector(RangeCollector&&) noexcept;
  void observe(const std::string& tensor, const TensorView& values);
  /// Low and high of each tensor; for percentile, half of what is cut lies on each side. Tensors that were never seen
  /// with a finite value are absent.
  Ranges ranges() const { return ranges(calibration_); }
  /// The extremes are known to every collector, the rest to one that keeps histograms.
  Ranges ranges(Calibration method) const;

 private:
  class Histogram;
  Calibration calibration_;
  double percentile_;
  std::map<std::string, std::unique_ptr<Histogram>> histograms_;
};

/// What was done, for the report.
struct QuantizationSummary {
  std::size_t quantized_nodes = 0, candidate_nodes = 0;
  std::vector<std::string> nodes;    ///< names of those quantized
  std::vector<std::string> skipped;  ///< "name: why"
  std::size_t corrected_biases = 0;
  double share() const {
    return candidate_nodes ? static_cast<double>(quantized_nodes) / static_cast<double>(candidate_nodes) : 0;
  }
};

/// Kind unsupported for a model that holds quantized operators already: its float original is what can be quantized.
Result<void> refuse_quantized(const onnx_model::OnnxModel& model);

/// QDQ form: QuantizeLinear/DequantizeLinear around activations, quantized weights with per-channel scales. The model
/// should have been rewritten (rewrite/rewrite.h) before its ranges were taken. Kinds: bad input (a range missing or
/// not finite), unsupported (quantized already, opset below 11).
Result<QuantizationSummary> quantize_static(onnx_model::OnnxModel& model, const Target& target, const Ranges& ranges,
                                            const StaticOptions& options);
/// MatMul family only (MatMul, Gemm with constant 2-D weights): DynamicQuantizeLinear + MatMulInteger, the form that
/// ONNX Runtime fuses to its own operators. Never convolutions (measured 5 times slower than fp32).
struct DynamicOptions {
  int weight_bits = 8;
  bool per_channel = true;
  std::set<std::string> exclude_nodes;
  std::vector<std::string> exclude_patterns;
};
Result<QuantizationSummary> quantize_dynamic(onnx_model::OnnxModel& model, const DynamicOptions& options);

enum class Half { kFloat16, kBFloat16 };
/// Weights and activations to 16 bits; inputs and outputs keep their dtype. In fp32 stay: `keep_operators`, operators
/// of other domains, those with subgraphs, those that `exclude_patterns` match (by node name or operator), and those
/// that the opset does not define in this type. Weights beyond the largest finite float16 are clamped to it. The
/// summary counts nodes that now run in 16 bits.
Result<QuantizationSummary> convert_half(onnx_model::OnnxModel& model, Half kind,
                                         const std::set<std::string>& keep_operators,
                                         const std::vector<std::string>& exclude_patterns = {});
/// Operators that lose too much range or precision in 16 bits: exponentials, powers, sums, norms.
const std::set<std::string>& sensitive_operators();

}  // namespace speedster::compressor
