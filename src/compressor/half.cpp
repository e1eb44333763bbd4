#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "compressor/match.h"
#include "compressor/quantize.h"
#include "onnx/dtypes.h"
#include "onnx/graph.h"
#include "tensor/difference.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::OnnxModel;

constexpr float kLargestHalf = 65504.0F;

// Operators with bfloat16 from opset 13 on; Conv and the pools have it from opset 22 (the operators' type constraints).
const std::set<std::string> kBfloat16Opset13 = {"Abs",
                                                "Add",
                                                "Ceil",
                                                "Clip",
                                                "Concat",
                                                "Div",
                                                "Expand",
                                                "Flatten",
                                                "Floor",
                                                "Gather",
                                                "GatherElements",
                                                "Gemm",
                                                "Identity",
                                                "MatMul",
                                                "Max",
                                                "Min",
                                                "Mul",
                                                "Neg",
                                                "Pad",
                                                "Relu",
                                                "Reshape",
                                                "Sigmoid",
                                                "Slice",
                                                "Split",
                                                "Squeeze",
                                                "Sub",
                                                "Sum",
                                                "Tanh",
                                                "Tile",
                                                "Transpose",
                                                "Unsqueeze",
                                                "Cast"};
constexpr std::int64_t kBfloat16Everywhere = 22;

// Operators whose float inputs have to be float32 by definition, or that make values from attributes.
const std::set<std::string> kAlwaysFloat = {
    "Constant",     "ConstantOfShape", "QuantizeLinear",   "DequantizeLinear",  "DynamicQuantizeLinear",
    "RandomNormal", "RandomUniform",   "RandomNormalLike", "RandomUniformLike", "Bernoulli",
    "Multinomial",  "EyeLike",         "StringNormalizer", "MatMulInteger",     "ConvInteger"};

// Operators without float16, and the opset from which they have it (the operators' type constraints).
const std::map<std::string, std::int64_t> kFloat16From = {{"Celu", 99},  {"IsInf", 20},  {"NonMaxSuppression", 99},
                                                          {"Range", 99}, {"CumSum", 14}, {"MelWeightMatrix", 99}};

class HalfConverter {
 public:
  HalfConverter(OnnxModel& model, Half kind, const std::set<std::string>& keep, const std::vector<std::string>& exclude)
      : kind_(kind),
        opset_(model.opset()),
        keep_(keep),
        exclude_(exclude),
        types_(onnx_model::value_types(model)),
        graph_(model) {}

  Result<QuantizationSummary> run() {
    QuantizationSummary summary;
    for (NodeProto* node : graph_.ordered_nodes()) {
      if (!has_float(*node)) continue;
      ++summary.candidate_nodes;
      if (const std::string why = unfit(*node); !why.empty()) {
        summary.skipped.push_back(onnx_model::node_label(*node) + ": " + why);
        continue;
      }
      half_nodes_.insert(node);
      summary.nodes.push_back(onnx_model::node_label(*node));
    }
    summary.quantized_nodes = summary.nodes.size();
    // Outputs first, so that readers find which values exist in 16 bits; the full form keeps the value's name.
    for (NodeProto* node : graph_.ordered_nodes())
      if (half_nodes_.contains(node)) convert_outputs(*node);
    for (NodeProto* node : graph_.ordered_nodes())
      if (half_nodes_.contains(node)) SPEEDSTER_TRY(convert_inputs(*node));
    for (const auto& [value, half] : halves_)
      if (!graph_.consumers(value).empty() || graph_.is_output(value)) add_cast(half, value, DType::kFloat32);
    // What value_info says of types no longer holds.
    graph_.proto().clear_value_info();
    SPEEDSTER_TRY(graph_.finish());
    return summary;
  }

 private:
  DType half_type() const { return kind_ == Half::kFloat16 ? DType::kFloat16 : DType::kBFloat16; }

  bool is_float(const std::string& value) const {
    const auto found = types_.find(value);
    return found != types_.end() && found->second.dtype == DType::kFloat32;
  }
  bool has_float(const NodeProto& node) const {
    if (node.op_type() == "Constant") return false;
    for (const auto& value : node.input())
      if (is_float(value)) return true;
    for (const auto& value : node.output())
      if (is_float(value)) return true;
    return false;
  }

  std::string unfit(const NodeProto& node) const {
    const std::string op = onnx_model::operator_name(node);
    if (op.find('.') != std::string::npos) return "an operator of another domain";
    if (keep_.contains(op)) return "kept in float32";
    if (is_excluded(node, {}, exclude_)) return "excluded";
    if (kAlwaysFloat.contains(op)) return "defined in float32";
    if (!onnx_model::captured_names(node).empty()) return "it has subgraphs";
    for (const auto& attribute : node.attribute())
      if (attribute.has_g() || attribute.graphs_size() > 0) return "it has subgraphs";
    const std::int64_t opset = opset_;
    if (kind_ == Half::kBFloat16 && opset < kBfloat16Everywhere && !(opset >= 13 && kBfloat16Opset13.contains(op)))
      return "no bfloat16 in opset " + std::to_string(opset);
    const auto from = kFloat16From.find(op);
    if (kind_ == Half::kFloat16 && from != kFloat16From.end() && opset < from->second)
      return "no float16 in opset " + std::to_string(opset);
    for (const auto& value : node.output())
      if (!value.empty() && !types_.contains(value)) return "unknown types";
    for (const auto& value : node.input())
      if (!value.empty() && !types_.contains(value)) return "unknown types";
    return {};
  }

  void convert_outputs(NodeProto& node) {
    if (node.op_type() == "Cast" && is_float(node.output(0)))
      onnx_model::set_attribute(node, "to", static_cast<std::int64_t>(onnx_model::dtype_to_onnx(half_type())));
    for (int i = 0; i < node.output_size(); ++i) {
      const std::string value = node.output(i);
      if (!is_float(value)) continue;
      const std::string half = graph_.unique(value + "_half");
      graph_.set_output(node, i, half);
      halves_[value] = half;
    }
  }

  Result<void> convert_inputs(NodeProto& node) {
    for (int i = 0; i < node.input_size(); ++i) {
      const std::string value = node.input(i);
      if (!is_float(value)) continue;
      SPEEDSTER_ASSIGN(const std::string half, half_of(value));
      graph_.set_input(node, i, half);
    }
    return {};
  }

  /// The 16-bit form of a value: what its node gives, a converted constant, or a Cast of it.
  Result<std::string> half_of(const std::string& value) {
    if (const auto found = halves_.find(value); found != halves_.end()) return found->second;
    if (const auto found = casts_.find(value); found != casts_.end()) return found->second;
    std::string half;
    if (graph_.constant(value)) {
      SPEEDSTER_ASSIGN(const Tensor values, graph_.load_constant(value));
      half = graph_.add_constant(value + "_half", convert(values));
    } else {
      half = graph_.unique(value + "_half");
      add_cast(value, half, half_type());
    }
    casts_[value] = half;
    return half;
  }

  Tensor convert(const Tensor& values) const {
    Tensor result(half_type(), values.shape());
    const auto from = values.as<float>();
    const auto to = result.as<std::uint16_t>();
    for (std::size_t i = 0; i < from.size(); ++i) {
      // A mask of -3.4e38 must stay finite: -infinity minus itself is NaN in Softmax.
      const float value = std::isfinite(from[i]) ? std::clamp(from[i], -kLargestHalf, kLargestHalf) : from[i];
      to[i] = kind_ == Half::kFloat16 ? float_to_half(value) : float_to_bfloat16(from[i]);
    }
    return result;
  }

  void add_cast(const std::string& from, const std::string& to, DType dtype) {
    onnx_model::set_attribute(graph_.add_node("Cast", {from}, {to}, to + "_Cast"), "to",
                              static_cast<std::int64_t>(onnx_model::dtype_to_onnx(dtype)));
  }

  Half kind_;
  std::int64_t opset_;
  const std::set<std::string>& keep_;
  const std::vector<std::string>& exclude_;
  std::map<std::string, TensorSpec> types_;
  Graph graph_;
  std::unordered_set<const NodeProto*> half_nodes_;
  std::map<std::string, std::string> halves_, casts_;
};

}  // namespace

const std::set<std::string>& sensitive_operators() {
  static const std::set<std::string> operators = {"CumSum",
                                                  "CumProd",
                                                  "Exp",
                                                  "GroupNormalization",
                                                  "InstanceNormalization",
                                                  "LRN",
                                                  "LayerNormalization",
                                                  "Log",
                                                  "LogSoftmax",
                                                  "LpNormalization",
                                                  "MeanVarianceNormalization",
                                                  "NonMaxSuppression",
                                                  "Pow",
                                                  "RMSNormalization",
                                                  "Range",
                                                  "Reciprocal",
                                                  "ReduceL1",
                                                  "ReduceL2",
                                                  "ReduceLogSum",
                                                  "ReduceLogSumExp",
                                                  "ReduceMean",
                                                  "ReduceProd",
                                                  "ReduceSum",
                                                  "ReduceSumSquare",
                                                  "Resize",
                                                  "RoiAlign",
                                                  "Softmax",
                                                  "Softplus",
                                                  "Sqrt",
                                                  "TopK",
                                                  "Upsample"};
  return operators;
}

Result<QuantizationSummary> convert_half(OnnxModel& model, Half kind, const std::set<std::string>& keep_operators,
                                         const std::vector<std::string>& exclude_patterns) {
  SPEEDSTER_TRY(refuse_quantized(model));
  if (kind == Half::kBFloat16 && model.opset() < 13)
    return Error(ErrorKind::kUnsupported, "[half] expected opset 13 or newer for bfloat16, got " +
                                              std::to_string(model.opset()) +
                                              "; try float16, or to export the model again");
  return HalfConverter(model, kind, keep_operators, exclude_patterns).run();
}

}  // namespace speedster::compressor
