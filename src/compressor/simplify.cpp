#include "compressor/simplify.h"

#include <onnx-ml.pb.h>

#include <cmath>
#include <optional>

#include "onnx/version.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;

constexpr std::int64_t kHardSwishOpset = 14;

bool is_op(const NodeProto* node, std::string_view op) {
  return node && node->op_type() == op && (node->domain().empty() || node->domain() == "ai.onnx");
}

/// The value of a constant with one element.
std::optional<double> scalar(const Graph& graph, const std::string& value) {
  const auto constant = graph.constant(value);
  if (!constant || constant->dtype != DType::kFloat32 || element_count(constant->shape) != 1 ||
      constant->shape.size() > 1)
    return std::nullopt;
  const auto loaded = graph.load_constant(value);
  if (!loaded) return std::nullopt;
  return loaded->as<float>()[0];
}

bool near(std::optional<double> value, double expected) { return value && std::abs(*value - expected) < 1e-6; }

/// The input of a commutative node that is not `value`, or empty.
std::string other(const NodeProto& node, const std::string& value) {
  if (node.input_size() != 2) return {};
  return node.input(0) == value ? node.input(1) : node.input(1) == value ? node.input(0) : std::string();
}

/// relu6(x + 3) as its last node, given the Add: null where the pattern is not there.
NodeProto* clipped_sum(const Graph& graph, const NodeProto& add) {
  if (!graph.has_one_use(add.output(0))) return nullptr;
  NodeProto* clip = graph.consumers(add.output(0)).front();
  if (!is_op(clip, "Clip") || clip->input_size() != 3 || clip->input(0) != add.output(0)) return nullptr;
  if (!near(scalar(graph, clip->input(1)), 0) || !near(scalar(graph, clip->input(2)), 6)) return nullptr;
  return graph.has_one_use(clip->output(0)) ? clip : nullptr;
}

/// x · relu6(x + 3) / 6 in its usual spellings becomes HardSwish; a lone relu6(x + 3) / 6 becomes HardSigmoid.
std::size_t fuse_hard_activations(Graph& graph) {
  std::size_t count = 0;
  const auto hard_sigmoid = [&](const std::string& x, const std::string& output, const std::string& name) {
    NodeProto& node = graph.add_node("HardSigmoid", {x}, {output}, name);
    for (const auto& [key, value] : {std::pair("alpha", 1.0F / 6.0F), std::pair("beta", 0.5F)}) {
      auto* attribute = node.add_attribute();
      attribute->set_name(key);
      attribute->set_type(::onnx::AttributeProto::FLOAT);
      attribute->set_f(value);
    }
  };
  for (NodeProto* add : graph.nodes()) {
    if (!is_op(add, "Add") || add->input_size() != 2) continue;
    const int data = graph.constant(add->input(0)) ? 1 : 0;
    if (!near(scalar(graph, add->input(1 - data)), 3)) continue;
    const std::string x = add->input(data);
    NodeProto* clip = clipped_sum(graph, *add);
    if (!clip) continue;
    NodeProto* first = graph.consumers(clip->output(0)).front();
    const auto is_sixth = [&](const NodeProto* node, const std::string& value) {
      if (is_op(node, "Div")) return node->input(0) == value && near(scalar(graph, node->input(1)), 6);
      return is_op(node, "Mul") && near(scalar(graph, other(*node, value)), 1.0 / 6.0);
    };
    if (is_op(first, "Mul") && other(*first, clip->output(0)) == x && graph.has_one_use(first->output(0))) {
      NodeProto* last = graph.consumers(first->output(0)).front();
      if (!is_sixth(last, first->output(0))) continue;
      const std::string output = last->output(0), name = onnx_model::node_label(*last);
      for (NodeProto* node : {add, clip, first, last}) graph.remove_node(*node);
      graph.add_node("HardSwish", {x}, {output}, name);
      ++count;
    } else if (is_sixth(first, clip->output(0))) {
      const std::string output = first->output(0), name = onnx_model::node_label(*first);
      for (NodeProto* node : {add, clip, first}) graph.remove_node(*node);
      NodeProto* use = graph.has_one_use(output) ? graph.consumers(output).front() : nullptr;
      if (is_op(use, "Mul") && other(*use, output) == x) {
        const std::string product = use->output(0), product_name = onnx_model::node_label(*use);
        graph.remove_node(*use);
        graph.add_node("HardSwish", {x}, {product}, product_name);
      } else {
        hard_sigmoid(x, output, name);
      }
      ++count;
    }
  }
  return count;
}

}  // namespace

Result<Simplification> simplify(onnx_model::OnnxModel& model) {
  Simplification result;
  // Activations first: the sum that begins a lone hard-sigmoid would go into the convolution before it. HardSwish came
  // with opset 14, to which a model is raised only if it has one.
  onnx_model::OnnxModel raised = model.clone();
  if (onnx_model::raise_opset(raised, kHardSwishOpset).ok()) {
    Graph graph(raised);
    result.activations = fuse_hard_activations(graph);
    SPEEDSTER_TRY(graph.finish());
    if (result.activations > 0) model = std::move(raised);
  }
  Graph graph(model);
  SPEEDSTER_ASSIGN(result.folded_after, fold_after_convolutions(graph));
  SPEEDSTER_ASSIGN(result.folded_before, fold_before_convolutions(graph));
  SPEEDSTER_TRY(graph.finish());
  return result;
}

}  // namespace speedster::compressor
