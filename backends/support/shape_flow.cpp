/// Follows, through an ONNX graph, what the shapes of tensors depend on. The table of operands whose values make a
/// shape is taken from the operators' definitions in the ONNX specification (opsets 1 to 23).
#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "support/onnx_scan.h"

namespace speedster::plugin {

namespace {

struct ShapeOperands {
  std::string_view op;
  std::array<int, 4> inputs;  ///< -1 none
};

constexpr ShapeOperands kShapeOperands[] = {
    {"AffineGrid", {1, -1, -1, -1}},
    {"BlackmanWindow", {0, -1, -1, -1}},
    {"CenterCropPad", {1, -1, -1, -1}},
    {"Col2Im", {1, 2, -1, -1}},
    {"ConstantOfShape", {0, -1, -1, -1}},
    {"DFT", {1, 2, -1, -1}},
    {"Expand", {1, -1, -1, -1}},
    {"HammingWindow", {0, -1, -1, -1}},
    {"HannWindow", {0, -1, -1, -1}},
    {"MaxUnpool", {2, -1, -1, -1}},
    {"MelWeightMatrix", {0, 1, -1, -1}},
    {"OneHot", {1, -1, -1, -1}},
    {"Pad", {1, 3, -1, -1}},
    {"Range", {0, 1, 2, -1}},
    {"ReduceL1", {1, -1, -1, -1}},
    {"ReduceL2", {1, -1, -1, -1}},
    {"ReduceLogSum", {1, -1, -1, -1}},
    {"ReduceLogSumExp", {1, -1, -1, -1}},
    {"ReduceMax", {1, -1, -1, -1}},
    {"ReduceMean", {1, -1, -1, -1}},
    {"ReduceMin", {1, -1, -1, -1}},
    {"ReduceProd", {1, -1, -1, -1}},
    {"ReduceSum", {1, -1, -1, -1}},
    {"ReduceSumSquare", {1, -1, -1, -1}},
    {"Reshape", {1, -1, -1, -1}},
    {"Resize", {1, 2, 3, -1}},
    {"STFT", {1, 3, -1, -1}},
    {"Slice", {1, 2, 3, 4}},
    {"Split", {1, -1, -1, -1}},
    {"Squeeze", {1, -1, -1, -1}},
    {"Tile", {1, 2, -1, -1}},
    {"TopK", {1, -1, -1, -1}},
    {"Unsqueeze", {1, -1, -1, -1}},
    {"Upsample", {1, -1, -1, -1}},
};
/// The number of results is found only while they are computed.
constexpr std::string_view kAlways[] = {"Compress", "ImageDecoder", "NonMaxSuppression",
                                        "NonZero",  "StringSplit",  "Unique"};
/// Contributed operators whose shapes follow from their inputs' shapes.
constexpr std::string_view kPlainContributed[] = {"Attention",
                                                  "BiasGelu",
                                                  "DequantizeLinear",
                                                  "DynamicQuantizeLSTM",
                                                  "DynamicQuantizeMatMul",
                                                  "EmbedLayerNormalization",
                                                  "FastGelu",
                                                  "FusedConv",
                                                  "FusedGemm",
                                                  "FusedMatMul",
                                                  "Gelu",
                                                  "MatMulBnb4",
                                                  "MatMulIntegerToFloat",
                                                  "MatMulNBits",
                                                  "NhwcMaxPool",
                                                  "QAttention",
                                                  "QEmbedLayerNormalization",
                                                  "QGemm",
                                                  "QLinearAdd",
                                                  "QLinearAveragePool",
                                                  "QLinearConcat",
                                                  "QLinearConv",
                                                  "QLinearGlobalAveragePool",
                                                  "QLinearLeakyRelu",
                                                  "QLinearMul",
                                                  "QLinearReduceMean",
                                                  "QLinearSigmoid",
                                                  "QLinearSoftmax",
                                                  "QLinearWhere",
                                                  "QuantizeLinear",
                                                  "QuickGelu",
                                                  "RotaryEmbedding",
                                                  "SimplifiedLayerNormalization",
                                                  "SkipLayerNormalization",
                                                  "SkipSimplifiedLayerNormalization"};

/// What a tensor depends on: its values and its shape on the values of the graph's inputs.
struct Flow {
  bool values = false, shape = false;
};

template <typename Table>
bool contains(const Table& table, std::string_view name) {
  return std::ranges::find(table, name) != std::end(table);
}

class Tracker {
 public:
  void set(const std::string& name, Flow flow) { flows_[name] = flow; }
  /// A tensor that nobody made is not ours to judge.
  Flow get(const std::string& name) const {
    if (name.empty()) return {};
    const auto found = flows_.find(name);
    return found == flows_.end() ? Flow{true, true} : found->second;
  }

  void node(const OnnxNode& node) {
    Flow result;
    for (const std::string& input : node.inputs) {
      const Flow flow = get(input);
      result.values |= flow.values;
      result.shape |= flow.shape;
    }
    const bool any_value = result.values;
    if (node.domain.empty()) {
      if (node.op == "Shape" || node.op == "Size") result = {result.shape, false};
      const bool judged_elsewhere =
          node.has_graph || node.op.find("Sequence") != std::string::npos || node.op.starts_with("Optional");
      if (judged_elsewhere || (any_value && contains(kAlways, node.op))) result.shape = true;
      for (const ShapeOperands& row : kShapeOperands) {
        if (row.op != node.op) continue;
        for (const int operand : row.inputs)
          if (operand >= 0 && static_cast<std::size_t>(operand) < node.inputs.size())
            result.shape |= get(node.inputs[static_cast<std::size_t>(operand)]).values;
      }
    } else if (!(node.domain == "com.microsoft" && contains(kPlainContributed, node.op))) {
      result = {true, true};
    }
    for (const std::string& output : node.outputs) set(output, result);
  }

 private:
  std::unordered_map<std::string, Flow> flows_;
};

}  // namespace

std::vector<bool> shapes_depend_on_values(const OnnxScan& scan) {
  Tracker tracker;
  for (const std::string& name : scan.initializers) tracker.set(name, {});
  for (const std::string& name : scan.inputs) tracker.set(name, {true, false});
  for (const OnnxNode& node : scan.nodes) tracker.node(node);
  std::vector<bool> result;
  result.reserve(scan.outputs.size());
  for (const std::string& name : scan.outputs) result.push_back(tracker.get(name).shape);
  return result;
}

}  // namespace speedster::plugin
