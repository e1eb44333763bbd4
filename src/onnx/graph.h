/// Editing one ONNX graph: who produces and uses a value, what is constant, new names, topological order.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "onnx/model.h"

namespace speedster::onnx_model {

/// Node indices so that each node comes after those whose outputs it uses (in its subgraphs, too); stable: nodes that
/// are in order stay where they are. Kind bad input, naming a node on the cycle.
Result<std::vector<int>> topological_order(const ::onnx::GraphProto& graph);

/// Names that the subgraphs of a node take from outside (and, conservatively, some that they do not).
std::vector<std::string> captured_names(const ::onnx::NodeProto& node);

/// "Conv", "com.microsoft.Gelu".
std::string operator_name(const ::onnx::NodeProto& node);
/// The node's name, or "Conv(output)" where it has none: what exclusions and reports use.
std::string node_label(const ::onnx::NodeProto& node);

const ::onnx::AttributeProto* find_attribute(const ::onnx::NodeProto& node, std::string_view name);
std::int64_t int_attribute(const ::onnx::NodeProto& node, std::string_view name, std::int64_t fallback);
double float_attribute(const ::onnx::NodeProto& node, std::string_view name, double fallback);
std::vector<std::int64_t> ints_attribute(const ::onnx::NodeProto& node, std::string_view name);
void set_attribute(::onnx::NodeProto& node, const std::string& name, std::int64_t value);
void set_attribute(::onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values);
void remove_attribute(::onnx::NodeProto& node, std::string_view name);

/// An index over the main graph of a model, kept true by its own edits. The model must outlive it and must not be
/// edited beside it. Subgraphs are looked into (what they capture counts as used by their node) and never changed.
class Graph {
 public:
  explicit Graph(OnnxModel& model);

  ::onnx::GraphProto& proto();
  /// All nodes that are not removed, in the order of the file (new ones last).
  std::vector<::onnx::NodeProto*> nodes() const;
  /// The same in topological order.
  std::vector<::onnx::NodeProto*> ordered_nodes() const;
  /// The node with this output, or null.
  ::onnx::NodeProto* producer(std::string_view value) const;
  /// Nodes that use the value, each once.
  std::vector<::onnx::NodeProto*> consumers(std::string_view value) const;
  bool is_output(std::string_view value) const { return outputs_.contains(std::string(value)); }
  /// Exactly one node uses the value, and it is no output of the graph.
  bool has_one_use(std::string_view value) const;

  /// The value behind Identity nodes.
  std::string resolve(std::string_view value) const;
  /// Type and shape of an initializer or Constant node's value (through Identity), or nothing.
  struct Constant {
    DType dtype;
    Shape shape;
  };
  std::optional<Constant> constant(std::string_view value) const;
  /// Its values.
  Result<Tensor> load_constant(std::string_view value) const;

  /// `base`, or `base_1`, `base_2`, …: a name that no value or node has. That of a removed node is free again.
  std::string unique(const std::string& base);
  ::onnx::NodeProto& add_node(const std::string& op, const std::vector<std::string>& inputs,
                              const std::vector<std::string>& outputs, const std::string& name,
                              const std::string& domain = "");
  /// A new initializer; returns its (unique) name.
  std::string add_constant(const std::string& base, const Tensor& values);
  void set_input(::onnx::NodeProto& node, int index, const std::string& value);
  void set_output(::onnx::NodeProto& node, int index, const std::string& value);
  void remove_node(::onnx::NodeProto& node);
  /// Every use of `from` becomes one of `to` (not graph outputs, not captures).
  void replace_uses(const std::string& from, const std::string& to);

  /// Drops removed nodes, nodes whose outputs nobody uses, initializers (and inputs that are initializers) that became
  /// unused by these edits, and value_info of values that are gone; sorts the rest.
  Result<void> finish();

 private:
  void index();
  std::string free_name(const std::string& base);
  void add_use(const std::string& value, ::onnx::NodeProto* node);
  void drop_use(const std::string& value, ::onnx::NodeProto* node);

  OnnxModel& model_;
  std::unordered_map<std::string, ::onnx::NodeProto*> producers_;
  std::unordered_map<std::string, std::vector<::onnx::NodeProto*>> uses_;  // with repetitions
  std::unordered_map<std::string, const ::onnx::TensorProto*> initializers_;
  std::unordered_set<std::string> outputs_, names_, used_before_;
  std::unordered_multiset<std::string> node_names_;  // of this graph; names_ has all others
  std::unordered_set<const ::onnx::NodeProto*> removed_;
  std::unordered_map<std::string, int> next_suffix_;
};

}  // namespace speedster::onnx_model
