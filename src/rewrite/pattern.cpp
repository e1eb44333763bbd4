#include "rewrite/pattern.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>

namespace speedster::rewrite {

using ::onnx::NodeProto;
using onnx_model::Graph;

bool is_op(const NodeProto* node, std::string_view op) {
  return node && node->output_size() > 0 && node->op_type() == op &&
         (node->domain().empty() || node->domain() == "ai.onnx");
}

std::optional<double> scalar(const Graph& graph, const std::string& value, std::size_t rank) {
  const auto constant = graph.constant(value);
  if (!constant || constant->dtype != DType::kFloat32 || element_count(constant->shape) != 1 ||
      constant->shape.size() > rank)
    return std::nullopt;
  const auto loaded = graph.load_constant(value);
  if (!loaded) return std::nullopt;
  return loaded->as<float>()[0];
}

bool is_scalar(const Graph& graph, const std::string& value, double expected) {
  const std::optional<double> found = scalar(graph, value);
  return found && std::abs(*found - expected) <= 1e-6 * std::abs(expected);
}

std::size_t least_rank(const Graph& graph, const Types& types, const std::string& value) {
  const auto known = types.find(value);
  if (known != types.end() && !known->second.unknown_rank) return known->second.axes.size();
  const NodeProto* node = graph.producer(value);
  // An elementwise node gives the rank of its input of the highest rank, a convolution that of its weights.
  const char* const kinds[] = {"Add", "Sub", "Mul", "Div", "Conv", "ConvTranspose"};
  if (std::none_of(std::begin(kinds), std::end(kinds), [&](const char* kind) { return is_op(node, kind); })) {
    // Batch normalization has at least images and channels.
    return is_op(node, "BatchNormalization") ? 2 : 0;
  }
  std::size_t rank = 0;
  for (int i = 0; i < std::min(node->input_size(), 2); ++i)
    if (const auto constant = graph.constant(node->input(i))) rank = std::max(rank, constant->shape.size());
  return rank;
}

int other_input(const NodeProto& node, const std::string& value) {
  if (node.input_size() != 2 || (node.input(0) == value) == (node.input(1) == value)) return -1;
  return node.input(0) == value ? 1 : 0;
}

std::string other(const NodeProto& node, const std::string& value) {
  const int index = other_input(node, value);
  return index < 0 ? std::string() : node.input(index);
}

bool is_captured(const Graph& graph, const std::string& value) {
  for (const NodeProto* node : graph.consumers(value)) {
    const std::vector<std::string> names = onnx_model::captured_names(*node);
    if (std::find(names.begin(), names.end(), value) != names.end()) return true;
  }
  return false;
}

NodeProto* only_consumer(const Graph& graph, const std::string& value) {
  return graph.has_one_use(value) ? graph.consumers(value).front() : nullptr;
}

}  // namespace speedster::rewrite
