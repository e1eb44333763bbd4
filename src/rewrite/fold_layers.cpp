#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>

#include "rewrite/linear_layer.h"
#include "rewrite/passes.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;

Tensor floats(const Shape& shape, const std::vector<double>& values) {
  const std::vector<float> rounded(values.begin(), values.end());
  return Tensor::from<float>(DType::kFloat32, shape, rounded);
}

/// The affine nodes behind a layer, each the only one that uses what is before it, folded into it.
Result<std::size_t> fold_after(Graph& graph, LinearLayer& layer, NodeProto& node) {
  std::vector<NodeProto*> folded;
  std::string value = node.output(0);
  while (NodeProto* next = only_consumer(graph, value)) {
    SPEEDSTER_ASSIGN(const std::optional<Affine> affine, affine_of(graph, *next, value, layer.outputs()));
    if (!affine) break;
    layer.fold_after(*affine);
    folded.push_back(next);
    value = next->output(0);
  }
  const bool adds = !layer.takes_bias() && layer.after().shifts();
  if (folded.size() <= (adds ? 1U : 0U)) return std::size_t{0};
  SPEEDSTER_TRY(layer.store());
  const std::string name = onnx_model::node_label(*folded.front());
  for (NodeProto* gone : folded) graph.remove_node(*gone);
  if (!adds) {
    graph.set_output(node, 0, value);
    return folded.size();
  }
  const std::vector<double>& shift = layer.after().shift;
  const Shape shape = shift.size() == 1 ? Shape{} : Shape{layer.outputs().count};
  graph.add_node("Add", {node.output(0), graph.add_constant(value + "_shift", floats(shape, shift))}, {value}, name);
  return folded.size() - 1;
}

/// scale · x + shift before a layer that a shift does not pass: scale · (x + shift / scale), and the scale goes on.
struct Moved {
  Affine scale;
  std::vector<double> shift;
};
std::optional<Moved> moved(const Affine& scale, const Affine& shift) {
  Moved result{scale, {}};
  const std::size_t count = std::max(scale.scale.size(), shift.shift.size());
  for (std::size_t c = 0; c < count; ++c) {
    result.shift.push_back(shift.shift_of(c) / scale.scale_of(c));
    if (!std::isfinite(result.shift.back()) || std::abs(result.shift.back()) > 1e6) return std::nullopt;
  }
  return result;
}

/// The node before a value that is affine in one of its inputs, where nobody else uses that value.
struct Before {
  NodeProto* node = nullptr;
  std::string input;
  Affine affine;
};
Result<Before> affine_before(const Graph& graph, const std::string& value, const Channels& channels) {
  NodeProto* node = graph.has_one_use(value) ? graph.producer(value) : nullptr;
  if (!node || node->input_size() < 2) return Before();
  const std::string input = graph.constant(node->input(0)) ? node->input(1) : node->input(0);
  SPEEDSTER_ASSIGN(const std::optional<Affine> affine, affine_of(graph, *node, input, channels));
  return affine ? Before{node, input, *affine} : Before();
}

Result<std::size_t> fold_before(Graph& graph, LinearLayer& layer, NodeProto& node) {
  std::size_t count = 0;
  while (true) {
    SPEEDSTER_ASSIGN(const Before before, affine_before(graph, node.input(0), layer.inputs()));
    if (!before.node) break;
    if (!before.affine.shifts() || !layer.stops_shifts()) {
      layer.fold_before(before.affine);
      graph.remove_node(*before.node);
      graph.set_input(node, 0, before.input);
      ++count;
      continue;
    }
    if (before.affine.scales()) break;
    SPEEDSTER_ASSIGN(const Before scaling, affine_before(graph, before.input, layer.inputs()));
    if (!scaling.node || scaling.affine.shifts()) break;
    const std::optional<Moved> apart = moved(scaling.affine, before.affine);
    if (!apart) break;
    layer.fold_before(apart->scale);
    const std::string output = before.node->output(0), name = onnx_model::node_label(*before.node);
    graph.remove_node(*scaling.node);
    graph.remove_node(*before.node);
    Shape shape(apart->shift.size() == 1 ? 0 : layer.inputs().behind + 1, 1);
    if (!shape.empty()) shape[0] = layer.inputs().count;
    const std::string shift = graph.add_constant(output + "_shift", floats(shape, apart->shift));
    graph.add_node("Add", {scaling.input, shift}, {output}, name);
    ++count;
    break;
  }
  if (count > 0) SPEEDSTER_TRY(layer.store());
  return count;
}

template <typename Fold>
Result<std::size_t> for_each_layer(onnx_model::OnnxModel& model, const Fold& fold) {
  const Types types = onnx_model::value_types(model);
  Graph graph(model);
  std::size_t count = 0;
  for (NodeProto* node : graph.nodes()) {
    std::optional<LinearLayer> layer = LinearLayer::of(graph, *node, types);
    if (!layer) continue;
    SPEEDSTER_ASSIGN(const std::size_t folded, fold(graph, *layer, *node));
    count += folded;
  }
  SPEEDSTER_TRY(graph.finish());
  return count;
}

}  // namespace

Result<std::size_t> fold_affine_after(onnx_model::OnnxModel& model, const Evaluate&) {
  return for_each_layer(model, fold_after);
}

Result<std::size_t> fold_affine_before(onnx_model::OnnxModel& model, const Evaluate&) {
  return for_each_layer(model, [](Graph& graph, LinearLayer& layer, NodeProto& node) -> Result<std::size_t> {
    // Behind a norm that is written out, a scale belongs to what vendors fuse; convolutions do not follow norms.
    if (!is_op(&node, "Conv") && !is_op(&node, "ConvTranspose")) return std::size_t{0};
    return fold_before(graph, layer, node);
  });
}

}  // namespace speedster::rewrite
