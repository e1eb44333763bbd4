#include <onnx-ml.pb.h>

#include <map>
#include <optional>

#include "compressor/match.h"
#include "compressor/quantize.h"
#include "compressor/weights.h"
#include "onnx/dtypes.h"
#include "onnx/graph.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::node_label;
using onnx_model::OnnxModel;

constexpr std::int64_t kDynamicOpset = 11;

bool is_candidate(const NodeProto& node) {
  return (node.domain().empty() || node.domain() == "ai.onnx") &&
         (node.op_type() == "MatMul" || node.op_type() == "Gemm");
}

class DynamicQuantizer {
 public:
  DynamicQuantizer(OnnxModel& model, const DynamicOptions& options) : options_(options), graph_(model) {}

  Result<QuantizationSummary> run() {
    QuantizationSummary summary;
    for (NodeProto* node : graph_.nodes()) {
      if (!is_candidate(*node)) continue;
      ++summary.candidate_nodes;
      if (const std::string why = unfit(*node); !why.empty()) {
        summary.skipped.push_back(node_label(*node) + ": " + why);
        continue;
      }
      const std::string label = node_label(*node);
      SPEEDSTER_TRY(rewrite(*node, label));
      summary.nodes.push_back(label);
    }
    summary.quantized_nodes = summary.nodes.size();
    SPEEDSTER_TRY(graph_.finish());
    return summary;
  }

 private:
  /// Why a node stays in float; empty if it does not.
  std::string unfit(const NodeProto& node) const {
    if (is_excluded(node, options_.exclude_nodes, options_.exclude_patterns)) return "excluded";
    if (node.input_size() < 2) return "without weights";
    const auto weight = graph_.constant(node.input(1));
    if (!weight) return "its weights are computed";
    if (graph_.constant(node.input(0))) return "its first input is constant";
    if (weight->dtype != DType::kFloat32) return "weights of " + std::string(name(weight->dtype));
    if (weight->shape.size() != 2) return "weights of rank " + std::to_string(weight->shape.size());
    if (element_count(weight->shape).value_or(0) == 0) return "weights without elements";
    if (node.op_type() == "Gemm" && onnx_model::int_attribute(node, "transA", 0) != 0) return "a transposed input";
    return {};
  }

  struct Input {
    std::string values, scale, zero_point;
  };
  /// One DynamicQuantizeLinear for all readers of a tensor (query, key and value share it).
  const Input& quantized_input(const std::string& tensor) {
    const auto [found, fresh] = inputs_.try_emplace(tensor);
    if (fresh) {
      found->second = {graph_.unique(tensor + "_quantized"), graph_.unique(tensor + "_scale"),
                       graph_.unique(tensor + "_zero_point")};
      graph_.add_node("DynamicQuantizeLinear", {tensor},
                      {found->second.values, found->second.scale, found->second.zero_point},
                      tensor + "_QuantizeLinear");
    }
    return found->second;
  }

  struct Weight {
    std::string values, scale, zero_point;
  };
  Result<Weight> quantized_weight(const NodeProto& node, bool transpose, float factor) {
    const auto key = std::make_tuple(graph_.resolve(node.input(1)), transpose, factor);
    if (const auto found = weights_.find(key); found != weights_.end()) return found->second;
    SPEEDSTER_ASSIGN(Tensor weight, graph_.load_constant(node.input(1)));
    if (transpose) weight = transposed(weight);
    SPEEDSTER_ASSIGN(QuantizedWeight quantized,
                     quantize_weight(weight, options_.per_channel ? 1 : -1, options_.weight_bits));
    for (float& scale : quantized.scales) scale *= factor;
    const std::string base = std::get<0>(key);
    const Shape shape = options_.per_channel ? Shape{static_cast<std::int64_t>(quantized.scales.size())} : Shape{};
    // ONNX Runtime's fusion wants a zero point as long as the scales.
    Tensor zero(DType::kInt8, shape);
    std::memset(zero.data(), 0, zero.bytes());
    const Weight result{
        graph_.add_constant(base + "_quantized", quantized.values),
        graph_.add_constant(base + "_scale", Tensor::from<float>(DType::kFloat32, shape, quantized.scales)),
        graph_.add_constant(base + "_zero_point", zero)};
    weights_[key] = result;
    return result;
  }

  /// y = Cast(MatMulInteger(quantized x, quantized w)) · (scale of x · scales of w) [+ bias]
  Result<void> rewrite(NodeProto& node, const std::string& label) {
    const bool gemm = node.op_type() == "Gemm";
    const auto factor = static_cast<float>(gemm ? onnx_model::float_attribute(node, "alpha", 1) : 1);
    const double beta = gemm ? onnx_model::float_attribute(node, "beta", 1) : 1;
    std::string bias = gemm && node.input_size() > 2 && beta != 0 ? node.input(2) : "";
    const std::string output = node.output(0), tensor = node.input(0);
    auto weight = quantized_weight(node, gemm && onnx_model::int_attribute(node, "transB", 0) != 0, factor);
    if (!weight) return std::move(weight).error().wrap("[quantize] cannot quantize " + label);
    const Input& input = quantized_input(tensor);
    graph_.remove_node(node);

    const std::string integers = graph_.unique(output + "_int32"), floats = graph_.unique(output + "_cast");
    const std::string scales = graph_.unique(output + "_scales"),
                      product = bias.empty() ? output : graph_.unique(output + "_scaled");
    graph_.add_node("MatMulInteger", {input.values, weight->values, input.zero_point, weight->zero_point}, {integers},
                    label);
    onnx_model::set_attribute(graph_.add_node("Cast", {integers}, {floats}, label + "_Cast"), "to",
                              static_cast<std::int64_t>(onnx_model::dtype_to_onnx(DType::kFloat32)));
    graph_.add_node("Mul", {input.scale, weight->scale}, {scales}, label + "_Scales");
    graph_.add_node("Mul", {floats, scales}, {product}, label + "_Scale");
    if (bias.empty()) return {};
    if (beta != 1) {
      const std::vector<float> value{static_cast<float>(beta)};
      const std::string scaled = graph_.unique(output + "_bias");
      graph_.add_node("Mul",
                      {bias, graph_.add_constant(output + "_beta", Tensor::from<float>(DType::kFloat32, {}, value))},
                      {scaled}, label + "_Beta");
      bias = scaled;
    }
    graph_.add_node("Add", {product, bias}, {output}, label + "_Bias");
    return {};
  }

  const DynamicOptions& options_;
  Graph graph_;
  std::map<std::string, Input> inputs_;
  std::map<std::tuple<std::string, bool, float>, Weight> weights_;
};

}  // namespace

Result<QuantizationSummary> quantize_dynamic(OnnxModel& model, const DynamicOptions& options) {
  SPEEDSTER_TRY(refuse_quantized(model));
  if (model.opset() < kDynamicOpset)
    return Error(ErrorKind::kUnsupported, "[quantize] expected opset 11 or newer for dynamic quantization, got " +
                                              std::to_string(model.opset()) + "; try to export the model again");
  return DynamicQuantizer(model, options).run();
}

}  // namespace speedster::compressor
