#include "onnx/check.h"

#include <onnx-ml.pb.h>

#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "onnx/graph.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::GraphProto;
using Names = std::unordered_set<std::string_view>;

Error refuse(const std::string& what) { return {ErrorKind::kBadInput, "[onnx] expected a valid graph, got " + what}; }

std::string in_quotes(std::string_view name) { return "'" + std::string(name) + "'"; }

std::string label(const ::onnx::NodeProto& node) {
  return node.op_type() + " node " +
         in_quotes(node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name());
}

Result<void> check_graph(const GraphProto& graph, const std::vector<const Names*>& outer) {
  Names defined;
  for (const auto& input : graph.input())
    if (!defined.insert(input.name()).second) return refuse("input " + in_quotes(input.name()) + " twice");
  Names initializers;
  for (const auto& tensor : graph.initializer()) {
    if (!initializers.insert(tensor.name()).second) return refuse("initializer " + in_quotes(tensor.name()) + " twice");
    defined.insert(tensor.name());  // an initializer may give an input its default
  }
  for (const auto& tensor : graph.sparse_initializer()) defined.insert(tensor.values().name());
  for (const auto& node : graph.node()) {
    if (node.op_type().empty()) return refuse("a node " + in_quotes(node.name()) + " with no operator");
    if (node.output_size() == 0) return refuse(label(node) + " with no output");
    for (const auto& output : node.output())
      if (!output.empty() && !defined.insert(output).second)
        return refuse("value " + in_quotes(output) + " defined a second time by " + label(node));
  }

  std::vector<const Names*> scopes = outer;
  scopes.push_back(&defined);
  const auto known = [&](std::string_view name) {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
      if ((*scope)->contains(name)) return true;
    return false;
  };
  for (const auto& node : graph.node()) {
    for (const auto& input : node.input())
      if (!input.empty() && !known(input))
        return refuse(label(node) + " with input " + in_quotes(input) + ", which nothing produces");
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) SPEEDSTER_TRY(check_graph(attribute.g(), scopes));
      for (const auto& subgraph : attribute.graphs()) SPEEDSTER_TRY(check_graph(subgraph, scopes));
    }
  }
  Names outputs;
  for (const auto& output : graph.output()) {
    if (!known(output.name())) return refuse("output " + in_quotes(output.name()) + ", which nothing produces");
    if (outer.empty() && !outputs.insert(output.name()).second)
      return refuse("output " + in_quotes(output.name()) + " twice");
  }
  auto order = topological_order(graph);
  if (!order) return std::move(order).error();
  return {};
}

}  // namespace

Result<void> check_model(const ::onnx::ModelProto& model, const Storage& storage) {
  if (model.ir_version() <= 0 || !model.has_graph())
    return Error(ErrorKind::kBadInput, "[onnx] expected an ONNX model, got a file without an IR version or a graph");
  bool default_domain = false;
  for (const auto& opset : model.opset_import()) {
    if (opset.version() <= 0 || opset.version() > 10'000)
      return refuse("opset " + std::to_string(opset.version()) + " of domain " + in_quotes(opset.domain()));
    default_domain |= opset.domain().empty() || opset.domain() == "ai.onnx";
  }
  if (!default_domain && model.opset_import_size() == 0 && model.graph().node_size() > 0)
    return refuse("nodes but no operator set");
  SPEEDSTER_TRY(check_graph(model.graph(), {}));
  std::optional<Error> failure;
  visit_tensors(model, [&](const ::onnx::TensorProto& tensor) {
    if (auto size = storage.size(tensor); !size) failure = std::move(size).error();
    return !failure;
  });
  if (failure) return *std::move(failure);
  return {};
}

}  // namespace speedster::onnx_model
