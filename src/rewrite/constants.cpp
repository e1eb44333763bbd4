#include <onnx-ml.pb.h>

#include <algorithm>
#include <set>

#include "onnx/dtypes.h"
#include "rewrite/passes.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::OnnxModel;

// Operators that compute the same from the same inputs everywhere and cannot make much out of little. Not
// DequantizeLinear: a folded one would be a weight in float again.
const std::set<std::string_view> kFoldable = {
    "Abs",     "Add",   "Cast",  "Ceil", "Concat",  "Div", "Equal",     "Exp",       "Flatten", "Floor", "Gather",
    "Greater", "Less",  "Log",   "Max",  "Min",     "Mod", "Mul",       "Neg",       "Not",     "Pow",   "Reciprocal",
    "Reshape", "Shape", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"};
// What may be stored although its sources stay.
constexpr std::uint64_t kSmall = 4096;
constexpr int kDepth = 64;  // of the nodes that are looked through for sources
constexpr std::uint64_t kMost = std::uint64_t{1} << 28U;

std::optional<std::uint64_t> fixed_bytes(const Types& types, const std::string& value) {
  const auto found = types.find(value);
  if (found == types.end() || found->second.unknown_rank) return std::nullopt;
  Shape shape;
  for (const Axis& axis : found->second.axes) {
    if (axis.dynamic()) return std::nullopt;
    shape.push_back(axis.value);
  }
  return onnx_model::stored_bytes(onnx_model::dtype_to_onnx(found->second.dtype), shape);
}

/// The constant part of a graph: nodes that depend on constants alone.
class ConstantPart {
 public:
  ConstantPart(const Graph& graph, const Types& types) : graph_(graph), types_(types) {
    for (NodeProto* node : graph.ordered_nodes())
      if (folds(*node)) known_.insert(node->output(0));
  }

  /// Values that others read, worth their place in the file.
  std::vector<std::string> frontier() const {
    std::vector<std::string> values;
    for (const NodeProto* node : graph_.ordered_nodes()) {
      const std::string& value = node->output_size() > 0 ? node->output(0) : "";
      if (!known_.contains(value) || graph_.is_output(value) || is_captured(graph_, value)) continue;
      const auto readers = graph_.consumers(value);
      const bool read = std::any_of(readers.begin(), readers.end(), [&](const NodeProto* reader) {
        return reader->output_size() == 0 || !known_.contains(reader->output(0));
      });
      if (read && pays(*node)) values.push_back(value);
    }
    return values;
  }

 private:
  bool folds(const NodeProto& node) const {
    if (!is_op(&node, node.op_type()) || !kFoldable.contains(node.op_type()) || node.output_size() != 1 ||
        node.input_size() == 0 || fixed_bytes(types_, node.output(0)).value_or(kMost + 1) > kMost)
      return false;
    return std::all_of(node.input().begin(), node.input().end(), [&](const std::string& input) {
      return input.empty() || known_.contains(input) || graph_.constant(input).has_value();
    });
  }

  /// Small, or no larger than the constants that go with it.
  bool pays(const NodeProto& node) const {
    const std::uint64_t bytes = *fixed_bytes(types_, node.output(0));
    return bytes <= kSmall || bytes <= freed(node);
  }
  std::uint64_t freed(const NodeProto& node, int depth = kDepth) const {
    std::uint64_t sum = 0;
    for (const std::string& input : node.input()) {
      if (input.empty() || depth == 0 || !graph_.has_one_use(input)) continue;
      if (const NodeProto* before = graph_.producer(input); before && known_.contains(input))
        sum += freed(*before, depth - 1);
      else if (const auto constant = graph_.constant(input))
        sum += onnx_model::stored_bytes(onnx_model::dtype_to_onnx(constant->dtype), constant->shape).value_or(0);
    }
    return sum;
  }

  const Graph& graph_;
  const Types& types_;
  std::set<std::string> known_;
};

/// A copy of the model that computes these values and takes no inputs.
Result<OnnxModel> computing(const OnnxModel& model, const std::vector<std::string>& values, const Types& types) {
  OnnxModel copy = model.clone();
  auto& proto = *copy.proto().mutable_graph();
  proto.clear_output();
  for (const std::string& value : values) {
    auto* output = proto.add_output();
    output->set_name(value);
    auto* tensor = output->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx_model::dtype_to_onnx(types.at(value).dtype));
    for (const Axis& axis : types.at(value).axes) tensor->mutable_shape()->add_dim()->set_dim_value(axis.value);
  }
  {
    Graph graph(copy);
    SPEEDSTER_TRY(graph.finish());
  }
  proto.clear_input();
  proto.clear_value_info();
  return copy;
}

}  // namespace

Result<std::size_t> fold_constants(OnnxModel& model, const Evaluate& evaluate) {
  if (!evaluate) return std::size_t{0};
  const Types types = onnx_model::value_types(model);
  Graph graph(model);
  const std::vector<std::string> values = ConstantPart(graph, types).frontier();
  if (values.empty()) return std::size_t{0};
  SPEEDSTER_ASSIGN(const OnnxModel part, computing(model, values, types));
  SPEEDSTER_ASSIGN(const std::vector<Tensor> results, evaluate(part));
  if (results.size() != values.size())
    return Error(ErrorKind::kVendor, "[rewrite] expected " + std::to_string(values.size()) + " constants, got " +
                                         std::to_string(results.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    graph.remove_node(*graph.producer(values[i]));
    graph.replace_uses(values[i], graph.add_constant(values[i] + "_folded", results[i]));
  }
  SPEEDSTER_TRY(graph.finish());
  return values.size();
}

}  // namespace speedster::rewrite
