#include <onnx-ml.pb.h>

#include <algorithm>
#include <numeric>

#include "onnx/dtypes.h"
#include "rewrite/passes.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using Order = std::vector<std::int64_t>;

const TensorSpec* find(const Types& types, const std::string& value) {
  const auto found = types.find(value);
  return found == types.end() ? nullptr : &found->second;
}

/// A scalar, or a vector of one where the other operand has an axis, so that the shape stays.
bool is_neutral(const Graph& graph, const Types& types, const NodeProto& node, int place, double value) {
  const std::optional<double> constant = scalar(graph, node.input(place));
  if (!constant || *constant != value) return false;
  return graph.constant(node.input(place))->shape.empty() || least_rank(graph, types, node.input(1 - place)) > 0;
}

/// x · 1, x / 1, x + 0, x - 0: the input that comes through, or -1. (-0 + 0 is 0: the two compare equal.)
int neutral_arithmetic(const Graph& graph, const Types& types, const NodeProto& node) {
  const bool add = is_op(&node, "Add"), sub = is_op(&node, "Sub"), mul = is_op(&node, "Mul"), div = is_op(&node, "Div");
  if (node.input_size() != 2 || (!add && !sub && !mul && !div)) return -1;
  const double neutral = add || sub ? 0 : 1;
  if (is_neutral(graph, types, node, 1, neutral)) return 0;
  return (add || mul) && is_neutral(graph, types, node, 0, neutral) ? 1 : -1;
}

bool is_idle_dropout(const Graph& graph, const NodeProto& node) {
  if (!is_op(&node, "Dropout") || node.input_size() < 1) return false;
  if (node.output_size() > 1 && (!graph.consumers(node.output(1)).empty() || graph.is_output(node.output(1))))
    return false;
  if (node.input_size() < 3 || node.input(2).empty()) return true;
  const auto training = graph.load_constant(node.input(2));
  return training && training->dtype() == DType::kBool && training->count() == 1 &&
         training->as<std::uint8_t>()[0] == 0;
}

bool is_idle_cast(const Types& types, const NodeProto& node) {
  if (!is_op(&node, "Cast") || node.input_size() != 1) return false;
  const TensorSpec* input = find(types, node.input(0));
  return input && onnx_model::dtype_to_onnx(input->dtype) == onnx_model::int_attribute(node, "to", 0);
}

/// The input that a node gives out unchanged; -1 where it does something.
int passed_through(const Graph& graph, const Types& types, const NodeProto& node) {
  if (is_op(&node, "Identity") && node.input_size() == 1) return 0;
  if (is_idle_dropout(graph, node) || is_idle_cast(types, node)) return 0;
  return neutral_arithmetic(graph, types, node);
}

/// Uses of the node's output become uses of its input. False where something knows the output by its name.
bool bypass(Graph& graph, NodeProto& node, const std::string& input) {
  const std::string output = node.output(0);
  if (input.empty() || is_captured(graph, output)) return false;
  if (graph.is_output(output)) {
    // The output of the graph keeps its name: whoever computes the input takes it over.
    NodeProto* before = graph.producer(input);
    if (!before || !graph.has_one_use(input) || is_captured(graph, input)) return false;
    graph.remove_node(node);
    for (int i = 0; i < before->output_size(); ++i)
      if (before->output(i) == input) graph.set_output(*before, i, output);
    return true;
  }
  graph.replace_uses(output, input);
  graph.remove_node(node);
  return true;
}

/// The permutation of a Transpose; nothing where it is not written down.
std::optional<Order> order_of(const NodeProto* node) {
  if (!is_op(node, "Transpose") || node->input_size() != 1) return std::nullopt;
  const Order order = onnx_model::ints_attribute(*node, "perm");
  Order sorted = order, all(order.size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  return order.empty() || sorted != all ? std::nullopt : std::optional(order);
}

/// A Transpose of a Transpose becomes one of the first's input, or nothing.
std::size_t join_transposes(Graph& graph, NodeProto& node) {
  const std::optional<Order> second = order_of(&node);
  if (!second) return 0;
  if (std::is_sorted(second->begin(), second->end())) return bypass(graph, node, node.input(0)) ? 1 : 0;
  const NodeProto* before = graph.producer(node.input(0));
  const std::optional<Order> first = order_of(before);
  if (!first || first->size() != second->size()) return 0;
  Order joined;
  for (const std::int64_t axis : *second) joined.push_back((*first)[static_cast<std::size_t>(axis)]);
  if (std::is_sorted(joined.begin(), joined.end()) && bypass(graph, node, before->input(0))) return 1;
  graph.set_input(node, 0, before->input(0));
  onnx_model::set_attribute(node, "perm", joined);
  return 1;
}

}  // namespace

Result<std::size_t> remove_no_ops(onnx_model::OnnxModel& model, const Evaluate&) {
  const Types types = onnx_model::value_types(model);
  Graph graph(model);
  std::size_t count = 0;
  for (NodeProto* node : graph.ordered_nodes()) {
    const int input = passed_through(graph, types, *node);
    if (input >= 0)
      count += bypass(graph, *node, node->input(input)) ? 1 : 0;
    else
      count += join_transposes(graph, *node);
  }
  SPEEDSTER_TRY(graph.finish());
  return count;
}

}  // namespace speedster::rewrite
