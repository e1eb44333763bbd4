#include "onnx/graph.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <queue>

#include "onnx/dtypes.h"
#include "onnx/storage.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::NodeProto;

void collect_captures(const GraphProto& graph, std::vector<std::string>& names) {
  std::unordered_set<std::string_view> own;
  for (const auto& input : graph.input()) own.insert(input.name());
  for (const auto& tensor : graph.initializer()) own.insert(tensor.name());
  for (const auto& node : graph.node())
    for (const auto& output : node.output()) own.insert(output);
  const auto add = [&](const std::string& name) {
    if (!name.empty() && !own.contains(name)) names.push_back(name);
  };
  for (const auto& node : graph.node()) {
    for (const auto& input : node.input()) add(input);
    for (const auto& name : captured_names(node)) add(name);
  }
  for (const auto& output : graph.output()) add(output.name());
}

/// All names but those of the graph's own nodes.
void collect_names(const GraphProto& graph, std::unordered_set<std::string>& names) {
  for (const auto& input : graph.input()) names.insert(input.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const auto& node : graph.node()) {
    names.insert(node.output().begin(), node.output().end());
    const auto collect_inner = [&](const GraphProto& inner) {
      for (const auto& inside : inner.node()) names.insert(inside.name());
      collect_names(inner, names);
    };
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) collect_inner(attribute.g());
      for (const auto& inner : attribute.graphs()) collect_inner(inner);
    }
  }
}

/// The tensor of a Constant node; nothing for its string, sparse and other node kinds.
std::optional<Tensor> scalar_constant(const NodeProto& node) {
  if (const auto* a = find_attribute(node, "value_float"))
    return Tensor::from<float>(DType::kFloat32, {}, std::vector{a->f()});
  if (const auto* a = find_attribute(node, "value_int"))
    return Tensor::from<std::int64_t>(DType::kInt64, {}, std::vector{a->i()});
  if (const auto* a = find_attribute(node, "value_floats"))
    return Tensor::from<float>(DType::kFloat32, {a->floats_size()},
                               std::span(a->floats().data(), static_cast<std::size_t>(a->floats_size())));
  if (const auto* a = find_attribute(node, "value_ints"))
    return Tensor::from<std::int64_t>(DType::kInt64, {a->ints_size()},
                                      std::span(a->ints().data(), static_cast<std::size_t>(a->ints_size())));
  return std::nullopt;
}

bool is_default_domain(const NodeProto& node) { return node.domain().empty() || node.domain() == "ai.onnx"; }

}  // namespace

std::vector<std::string> captured_names(const NodeProto& node) {
  std::vector<std::string> names;
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_captures(attribute.g(), names);
    for (const auto& graph : attribute.graphs()) collect_captures(graph, names);
  }
  return names;
}

Result<std::vector<int>> topological_order(const GraphProto& graph) {
  const int count = graph.node_size();
  std::unordered_map<std::string_view, int> producer;
  for (int i = 0; i < count; ++i)
    for (const auto& output : graph.node(i).output())
      if (!output.empty()) producer.emplace(output, i);
  std::vector<std::vector<int>> after(static_cast<std::size_t>(count));
  std::vector<int> waits(static_cast<std::size_t>(count), 0);
  const auto depend = [&](const std::string& name, int node) {
    const auto found = producer.find(name);
    if (found == producer.end()) return;
    after[static_cast<std::size_t>(found->second)].push_back(node);
    ++waits[static_cast<std::size_t>(node)];
  };
  for (int i = 0; i < count; ++i) {
    for (const auto& input : graph.node(i).input()) depend(input, i);
    for (const auto& name : captured_names(graph.node(i))) depend(name, i);
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < count; ++i)
    if (waits[static_cast<std::size_t>(i)] == 0) ready.push(i);
  std::vector<int> order;
  order.reserve(static_cast<std::size_t>(count));
  while (!ready.empty()) {
    const int node = ready.top();
    ready.pop();
    order.push_back(node);
    for (int next : after[static_cast<std::size_t>(node)])
      if (--waits[static_cast<std::size_t>(next)] == 0) ready.push(next);
  }
  if (order.size() == static_cast<std::size_t>(count)) return order;
  for (int i = 0; i < count; ++i)
    if (waits[static_cast<std::size_t>(i)] > 0)
      return Error(ErrorKind::kBadInput,
                   "[onnx] expected a graph without cycles, got one through node '" + node_label(graph.node(i)) + "'");
  return order;
}

std::string operator_name(const NodeProto& node) {
  return is_default_domain(node) ? node.op_type() : node.domain() + "." + node.op_type();
}

std::string node_label(const NodeProto& node) {
  if (!node.name().empty()) return node.name();
  return node.op_type() + "(" + (node.output_size() > 0 ? node.output(0) : "") + ")";
}

const AttributeProto* find_attribute(const NodeProto& node, std::string_view name) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::int64_t int_attribute(const NodeProto& node, std::string_view name, std::int64_t fallback) {
  const AttributeProto* attribute = find_attribute(node, name);
  return attribute ? attribute->i() : fallback;
}

double float_attribute(const NodeProto& node, std::string_view name, double fallback) {
  const AttributeProto* attribute = find_attribute(node, name);
  return attribute ? static_cast<double>(attribute->f()) : fallback;
}

std::vector<std::int64_t> ints_attribute(const NodeProto& node, std::string_view name) {
  const AttributeProto* attribute = find_attribute(node, name);
  if (!attribute) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

void remove_attribute(NodeProto& node, std::string_view name) {
  for (int i = node.attribute_size() - 1; i >= 0; --i)
    if (node.attribute(i).name() == name) node.mutable_attribute()->DeleteSubrange(i, 1);
}

void set_attribute(NodeProto& node, const std::string& name, std::int64_t value) {
  remove_attribute(node, name);
  AttributeProto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(AttributeProto::INT);
  attribute->set_i(value);
}

void set_attribute(NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
  remove_attribute(node, name);
  AttributeProto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(AttributeProto::INTS);
  for (std::int64_t value : values) attribute->add_ints(value);
}

Graph::Graph(OnnxModel& model) : model_(model) { index(); }

void Graph::index() {
  producers_.clear(), uses_.clear(), initializers_.clear(), outputs_.clear(), names_.clear(), used_before_.clear();
  removed_.clear(), node_names_.clear();
  GraphProto& graph = proto();
  collect_names(graph, names_);
  for (const auto& tensor : graph.initializer()) initializers_[tensor.name()] = &tensor;
  for (const auto& output : graph.output()) outputs_.insert(output.name());
  for (auto& node : *graph.mutable_node()) {
    node_names_.insert(node.name());
    for (const auto& output : node.output())
      if (!output.empty()) producers_[output] = &node;
    for (const auto& input : node.input()) add_use(input, &node);
    for (const auto& name : captured_names(node)) add_use(name, &node);
  }
  for (const auto& [value, nodes] : uses_) used_before_.insert(value);
}

GraphProto& Graph::proto() { return *model_.proto().mutable_graph(); }

void Graph::add_use(const std::string& value, NodeProto* node) {
  if (!value.empty()) uses_[value].push_back(node);
}

void Graph::drop_use(const std::string& value, NodeProto* node) {
  const auto found = uses_.find(value);
  if (found == uses_.end()) return;
  const auto at = std::find(found->second.begin(), found->second.end(), node);
  if (at != found->second.end()) found->second.erase(at);
}

std::vector<NodeProto*> Graph::nodes() const {
  std::vector<NodeProto*> nodes;
  for (auto& node : *model_.proto().mutable_graph()->mutable_node())
    if (!removed_.contains(&node)) nodes.push_back(&node);
  return nodes;
}

std::vector<NodeProto*> Graph::ordered_nodes() const {
  auto& proto = *model_.proto().mutable_graph();
  std::vector<NodeProto*> nodes;
  const auto order = topological_order(proto);
  if (!order) return this->nodes();
  for (int index : *order)
    if (!removed_.contains(&proto.node(index))) nodes.push_back(proto.mutable_node(index));
  return nodes;
}

NodeProto* Graph::producer(std::string_view value) const {
  const auto found = producers_.find(std::string(value));
  return found == producers_.end() ? nullptr : found->second;
}

std::vector<NodeProto*> Graph::consumers(std::string_view value) const {
  std::vector<NodeProto*> nodes;
  const auto found = uses_.find(std::string(value));
  if (found == uses_.end()) return nodes;
  for (NodeProto* node : found->second)
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  return nodes;
}

bool Graph::has_one_use(std::string_view value) const { return !is_output(value) && consumers(value).size() == 1; }

std::string Graph::resolve(std::string_view value) const {
  std::string name(value);
  for (const NodeProto* node = producer(name);
       node && node->op_type() == "Identity" && is_default_domain(*node) && node->input_size() == 1;
       node = producer(name))
    name = node->input(0);
  return name;
}

std::optional<Graph::Constant> Graph::constant(std::string_view value) const {
  const std::string name = resolve(value);
  const ::onnx::TensorProto* tensor = nullptr;
  if (const auto found = initializers_.find(name); found != initializers_.end()) {
    tensor = found->second;
  } else if (const NodeProto* node = producer(name);
             node && node->op_type() == "Constant" && is_default_domain(*node)) {
    if (const std::optional<Tensor> scalar = scalar_constant(*node)) return Constant{scalar->dtype(), scalar->shape()};
    if (const AttributeProto* attribute = find_attribute(*node, "value"); attribute && attribute->has_t())
      tensor = &attribute->t();
  }
  if (!tensor) return std::nullopt;
  const std::optional<DType> dtype = dtype_from_onnx(tensor->data_type());
  if (!dtype) return std::nullopt;
  return Constant{*dtype, Shape(tensor->dims().begin(), tensor->dims().end())};
}

Result<Tensor> Graph::load_constant(std::string_view value) const {
  const std::string name = resolve(value);
  if (const auto found = initializers_.find(name); found != initializers_.end())
    return model_.initializer(*found->second);
  if (const NodeProto* node = producer(name); node && node->op_type() == "Constant") {
    if (std::optional<Tensor> scalar = scalar_constant(*node)) return *std::move(scalar);
    if (const AttributeProto* attribute = find_attribute(*node, "value"); attribute && attribute->has_t())
      return model_.initializer(attribute->t());
  }
  return Error(ErrorKind::kNotFound, "[onnx] expected '" + name + "' to be constant, got a computed value");
}

std::string Graph::free_name(const std::string& base) {
  std::string name = base;
  for (int& suffix = next_suffix_[base]; names_.contains(name) || node_names_.contains(name);)
    name = base + "_" + std::to_string(++suffix);
  return name;
}

std::string Graph::unique(const std::string& base) { return *names_.insert(free_name(base)).first; }

NodeProto& Graph::add_node(const std::string& op, const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs, const std::string& name,
                           const std::string& domain) {
  NodeProto* node = proto().add_node();
  node->set_op_type(op);
  node->set_name(free_name(name));
  node_names_.insert(node->name());
  if (!domain.empty()) node->set_domain(domain);
  for (const std::string& input : inputs) {
    node->add_input(input);
    add_use(input, node);
  }
  for (const std::string& output : outputs) {
    node->add_output(output);
    names_.insert(output);
    if (!output.empty()) producers_[output] = node;
  }
  return *node;
}

std::string Graph::add_constant(const std::string& base, const Tensor& values) {
  ::onnx::TensorProto* tensor = proto().add_initializer();
  tensor->set_name(unique(base));
  model_.set_values(*tensor, values);
  initializers_[tensor->name()] = tensor;
  return tensor->name();
}

void Graph::set_input(NodeProto& node, int index, const std::string& value) {
  while (node.input_size() <= index) node.add_input("");
  drop_use(node.input(index), &node);
  node.set_input(index, value);
  add_use(value, &node);
}

void Graph::set_output(NodeProto& node, int index, const std::string& value) {
  if (!node.output(index).empty()) producers_.erase(node.output(index));
  node.set_output(index, value);
  names_.insert(value);
  producers_[value] = &node;
}

void Graph::remove_node(NodeProto& node) {
  if (!removed_.insert(&node).second) return;
  if (const auto name = node_names_.find(node.name()); name != node_names_.end()) node_names_.erase(name);
  for (const auto& input : node.input()) drop_use(input, &node);
  for (const auto& name : captured_names(node)) drop_use(name, &node);
  for (const auto& output : node.output())
    if (producer(output) == &node) producers_.erase(output);
}

void Graph::replace_uses(const std::string& from, const std::string& to) {
  for (NodeProto* node : consumers(from))
    for (int i = 0; i < node->input_size(); ++i)
      if (node->input(i) == from) set_input(*node, i, to);
}

Result<void> Graph::finish() {
  const auto unused = [&](const std::string& value) {
    const auto found = uses_.find(value);
    return !is_output(value) && (found == uses_.end() || found->second.empty());
  };
  std::vector<NodeProto*> dead;
  const auto check = [&](NodeProto* node) {
    if (!removed_.contains(node) &&
        std::all_of(node->output().begin(), node->output().end(),
                    [&](const std::string& output) { return output.empty() || unused(output); }))
      dead.push_back(node);
  };
  for (NodeProto* node : nodes()) check(node);
  while (!dead.empty()) {
    NodeProto* node = dead.back();
    dead.pop_back();
    if (removed_.contains(node)) continue;
    std::vector<std::string> inputs(node->input().begin(), node->input().end());
    for (std::string& name : captured_names(*node)) inputs.push_back(std::move(name));
    remove_node(*node);
    for (const std::string& input : inputs)
      if (NodeProto* before = producer(input)) check(before);
  }

  GraphProto& graph = proto();
  ::google::protobuf::RepeatedPtrField<NodeProto> kept;
  for (auto& node : *graph.mutable_node())
    if (!removed_.contains(&node)) kept.Add()->Swap(&node);
  graph.mutable_node()->Swap(&kept);

  // Only what these edits made useless goes: an initializer that nobody used before is the user's business.
  std::unordered_set<std::string> gone;
  for (const auto& tensor : graph.initializer()) {
    const std::string& name = tensor.name();
    if (unused(name) && used_before_.contains(name)) gone.insert(name);
  }
  const auto erase = [&](auto& field) {
    field.erase(
        std::remove_if(field.begin(), field.end(), [&](const auto& item) { return gone.contains(item.name()); }),
        field.end());
  };
  erase(*graph.mutable_initializer());
  erase(*graph.mutable_input());
  for (const auto& info : graph.value_info())
    if (!producers_.contains(info.name()) && names_.contains(info.name())) gone.insert(info.name());
  erase(*graph.mutable_value_info());

  // Before IR 4 an initializer had to be an input, too; ours are not.
  if (model_.proto().ir_version() < 4) model_.proto().set_ir_version(4);
  SPEEDSTER_ASSIGN(const std::vector<int> order, topological_order(graph));
  ::google::protobuf::RepeatedPtrField<NodeProto> sorted;
  for (int index : order) sorted.Add()->Swap(graph.mutable_node(index));
  graph.mutable_node()->Swap(&sorted);
  index();
  return {};
}

}  // namespace speedster::onnx_model
