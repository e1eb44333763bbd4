#include "rewrite/pattern.h"

#include <onnx-ml.pb.h>

#include <cmath>

namespace speedster::rewrite {

using ::onnx::NodeProto;
using onnx_model::Graph;

bool is_op(const NodeProto* node, std::string_view op) {
  return node && node->op_type() == op && (node->domain().empty() || node->domain() == "ai.onnx");
}

std::optional<double> scalar(const Graph& graph, const std::string& value) {
  const auto constant = graph.constant(value);
  if (!constant || constant->dtype != DType::kFloat32 || element_count(constant->shape) != 1 ||
      constant->shape.size() > 1)
    return std::nullopt;
  const auto loaded = graph.load_constant(value);
  if (!loaded) return std::nullopt;
  return loaded->as<float>()[0];
}

bool is_scalar(const Graph& graph, const std::string& value, double expected) {
  const std::optional<double> found = scalar(graph, value);
  return found && std::abs(*found - expected) <= 1e-6 * std::abs(expected);
}

int other_input(const NodeProto& node, const std::string& value) {
  if (node.input_size() != 2 || (node.input(0) == value) == (node.input(1) == value)) return -1;
  return node.input(0) == value ? 1 : 0;
}

std::string other(const NodeProto& node, const std::string& value) {
  const int index = other_input(node, value);
  return index < 0 ? std::string() : node.input(index);
}

NodeProto* only_consumer(const Graph& graph, const std::string& value) {
  return graph.has_one_use(value) ? graph.consumers(value).front() : nullptr;
}

}  // namespace speedster::rewrite
