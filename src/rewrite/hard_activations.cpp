#include <onnx-ml.pb.h>

#include "onnx/version.h"
#include "rewrite/passes.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;

constexpr std::int64_t kHardSwishOpset = 14;

/// relu6(x + 3) as its last node, given the Add: null where the pattern is not there.
NodeProto* clipped_sum(const Graph& graph, const NodeProto& add) {
  NodeProto* clip = only_consumer(graph, add.output(0));
  if (!is_op(clip, "Clip") || clip->input_size() != 3 || clip->input(0) != add.output(0)) return nullptr;
  const bool six = is_scalar(graph, clip->input(1), 0) && is_scalar(graph, clip->input(2), 6);
  return six && graph.has_one_use(clip->output(0)) ? clip : nullptr;
}

bool is_sixth(const Graph& graph, const NodeProto* node, const std::string& value) {
  if (is_op(node, "Div"))
    return node->input_size() == 2 && node->input(0) == value && is_scalar(graph, node->input(1), 6);
  return is_op(node, "Mul") && is_scalar(graph, other(*node, value), 1.0 / 6.0);
}

void add_hard_sigmoid(Graph& graph, const std::string& x, const std::string& output, const std::string& name) {
  NodeProto& node = graph.add_node("HardSigmoid", {x}, {output}, name);
  for (const auto& [key, value] : {std::pair("alpha", 1.0F / 6.0F), std::pair("beta", 0.5F)}) {
    auto* attribute = node.add_attribute();
    attribute->set_name(key);
    attribute->set_type(::onnx::AttributeProto::FLOAT);
    attribute->set_f(value);
  }
}

void replace(Graph& graph, std::initializer_list<NodeProto*> nodes, const std::string& x) {
  const NodeProto& last = **(nodes.end() - 1);
  const std::string output = last.output(0), name = onnx_model::node_label(last);
  for (NodeProto* node : nodes) graph.remove_node(*node);
  graph.add_node("HardSwish", {x}, {output}, name);
}

bool fuse(Graph& graph, NodeProto& add) {
  const int data = graph.constant(add.input(0)) ? 1 : 0;
  if (!is_scalar(graph, add.input(1 - data), 3)) return false;
  const std::string x = add.input(data);
  NodeProto* clip = clipped_sum(graph, add);
  if (!clip) return false;
  NodeProto* first = graph.consumers(clip->output(0)).front();
  if (is_op(first, "Mul") && other(*first, clip->output(0)) == x) {
    NodeProto* last = only_consumer(graph, first->output(0));
    if (!is_sixth(graph, last, first->output(0))) return false;
    replace(graph, {&add, clip, first, last}, x);
    return true;
  }
  if (!is_sixth(graph, first, clip->output(0))) return false;
  NodeProto* use = only_consumer(graph, first->output(0));
  if (is_op(use, "Mul") && other(*use, first->output(0)) == x) {
    replace(graph, {&add, clip, first, use}, x);
    return true;
  }
  const std::string output = first->output(0), name = onnx_model::node_label(*first);
  for (NodeProto* node : {&add, clip, first}) graph.remove_node(*node);
  add_hard_sigmoid(graph, x, output, name);
  return true;
}

}  // namespace

/// x · relu6(x + 3) / 6 in its usual spellings becomes HardSwish; a lone relu6(x + 3) / 6 becomes HardSigmoid.
Result<std::size_t> fuse_hard_activations(onnx_model::OnnxModel& model, const Evaluate&) {
  // HardSwish came with opset 14; a model that cannot be raised keeps what it has.
  if (!onnx_model::raise_opset(model, kHardSwishOpset).ok()) return std::size_t{0};
  Graph graph(model);
  std::size_t count = 0;
  for (NodeProto* node : graph.nodes())
    if (is_op(node, "Add") && node->input_size() == 2 && fuse(graph, *node)) ++count;
  SPEEDSTER_TRY(graph.finish());
  return count;
}

}  // namespace speedster::rewrite
