#include "onnx/version.h"

#include <onnx-ml.pb.h>

#include <set>
#include <string_view>

#include "onnx/graph.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::NodeProto;

constexpr std::int64_t kOldest = 11;
constexpr std::int64_t kIrVersion = 7;  // of the release that brought opset 13

// Operators whose form or meaning changed between opset 11 and 14 (the change log of the ONNX operator schemas). All
// other changes of these versions only added types or attributes with a neutral default.
const std::set<std::string_view> kAxesToInput = {"Squeeze", "Unsqueeze", "ReduceSum"};
const std::set<std::string_view> kFlattening = {"Softmax", "LogSoftmax", "Hardmax"};

bool changes(const NodeProto& node, std::int64_t opset) {
  if (!node.domain().empty() && node.domain() != "ai.onnx") return false;
  const std::string& op = node.op_type();
  if (op == "BatchNormalization" && node.output_size() > 1) return opset < 14;
  if (opset >= 13) return false;
  return kAxesToInput.contains(op) || kFlattening.contains(op) || op == "Split" || (op == "Dropout" && opset < 12);
}

Result<void> check_subgraphs(const ::onnx::GraphProto& graph, bool inside, std::int64_t opset) {
  for (const auto& node : graph.node()) {
    if (inside && changes(node, opset))
      return Error(ErrorKind::kUnsupported, "[onnx] expected opset 13 or newer, got " + std::to_string(opset) +
                                                " with " + node.op_type() +
                                                " in a subgraph; try to export the model again with opset 13 or newer");
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) SPEEDSTER_TRY(check_subgraphs(attribute.g(), true, opset));
      for (const auto& inner : attribute.graphs()) SPEEDSTER_TRY(check_subgraphs(inner, true, opset));
    }
  }
  return {};
}

/// axes (or split) from an attribute to the second input.
void attribute_to_input(Graph& graph, NodeProto& node, const std::string& attribute) {
  const std::vector<std::int64_t> values = ints_attribute(node, attribute);
  if (!find_attribute(node, attribute)) return;
  remove_attribute(node, attribute);
  const Tensor tensor = Tensor::from<std::int64_t>(DType::kInt64, {static_cast<std::int64_t>(values.size())}, values);
  graph.set_input(node, 1, graph.add_constant(node.output(0) + "_" + attribute, tensor));
}

/// Before opset 13 Softmax worked on the input flattened to two dimensions at `axis`.
void unflatten(Graph& graph, NodeProto& node, const std::map<std::string, TensorSpec>& types) {
  const std::int64_t axis = int_attribute(node, "axis", 1);
  const auto known = types.find(node.input(0));
  const bool last = axis == -1 || (known != types.end() && !known->second.unknown_rank &&
                                   axis == static_cast<std::int64_t>(known->second.axes.size()) - 1);
  set_attribute(node, "axis", -1);
  if (last) return;
  const std::string input = node.input(0), output = node.output(0);
  const std::string shape = graph.unique(output + "_shape"), flat = graph.unique(output + "_flat"),
                    result = graph.unique(output + "_rows");
  graph.add_node("Shape", {input}, {shape}, shape);
  set_attribute(graph.add_node("Flatten", {input}, {flat}, flat), "axis", axis);
  graph.set_input(node, 0, flat);
  graph.set_output(node, 0, result);
  graph.add_node("Reshape", {result, shape}, {output}, graph.unique(output + "_unflatten"));
}

Result<void> rewrite(OnnxModel& model, std::int64_t opset) {
  const std::map<std::string, TensorSpec> types = value_types(model);
  Graph graph(model);
  for (NodeProto* node : graph.nodes()) {
    if (!changes(*node, opset)) continue;
    if (node->input_size() == 0)
      return Error(ErrorKind::kBadInput, "[onnx] expected an input, got none at node '" + node_label(*node) + "'");
    const std::string& op = node->op_type();
    if (kAxesToInput.contains(op))
      attribute_to_input(graph, *node, "axes");
    else if (op == "Split")
      attribute_to_input(graph, *node, "split");
    else if (op == "Dropout")
      remove_attribute(*node, "ratio");  // of no effect in inference
    else if (kFlattening.contains(op))
      unflatten(graph, *node, types);
  }
  return graph.finish();
}

}  // namespace

Result<void> raise_opset(OnnxModel& model, std::int64_t target) {
  const std::int64_t opset = model.opset();
  if (opset >= target) return {};
  if (target > 14)
    return Error(ErrorKind::kInternal, "[onnx] expected a target opset of at most 14, got " + std::to_string(target));
  if (opset < kOldest)
    return Error(ErrorKind::kUnsupported,
                 "[onnx] expected opset 11 or newer, got " + std::to_string(opset) +
                     "; try to export the model again, or the onnx package's version converter");
  SPEEDSTER_TRY(check_subgraphs(model.proto().graph(), false, opset));
  for (const auto& function : model.proto().functions())
    for (const auto& node : function.node())
      if (changes(node, opset))
        return Error(ErrorKind::kUnsupported, "[onnx] expected opset 13 or newer, got " + std::to_string(opset) +
                                                  " with " + node.op_type() + " in function " + function.name() +
                                                  "; try to export the model again");
  for (const auto& node : model.proto().graph().node())
    if (node.op_type() == "BatchNormalization" && changes(node, opset) && target >= 14)
      return Error(ErrorKind::kUnsupported,
                   "[onnx] expected an inference graph, got " + node_label(node) +
                       " with the outputs of training; try to export the model in inference mode");
  if (opset < 13) SPEEDSTER_TRY(rewrite(model, opset));
  if (model.proto().ir_version() < kIrVersion) model.proto().set_ir_version(kIrVersion);
  for (auto& import : *model.proto().mutable_opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx") import.set_version(target);
  return {};
}

void import_domain(OnnxModel& model, const std::string& domain, std::int64_t version) {
  for (const auto& import : model.proto().opset_import())
    if (import.domain() == domain) return;
  auto* import = model.proto().add_opset_import();
  import->set_domain(domain);
  import->set_version(version);
}

}  // namespace speedster::onnx_model
