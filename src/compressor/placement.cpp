#include "compressor/placement.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "compressor/match.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::node_label;

// The values of the output are values of the input: one scale serves both.
const std::set<std::string> kMoves = {"Flatten", "MaxPool", "Reshape",   "Slice",
                                      "Split",   "Squeeze", "Transpose", "Unsqueeze"};

class Placer {
 public:
  Placer(const Graph& graph, const Target& target, const StaticOptions& options)
      : graph_(graph), target_(target), options_(options), order_(graph.ordered_nodes()) {}

  Placement run() {
    for (NodeProto* node : order_) consider(node);
    extend();
    order_tensors();
    return std::move(placement_);
  }

 private:
  static bool is_default(const NodeProto& node) { return node.domain().empty() || node.domain() == "ai.onnx"; }

  void consider(NodeProto* node) {
    if (!is_default(*node) || !target_.static_operators.contains(node->op_type())) return;
    ++placement_.candidates;
    QuantizedNode quantized{node};
    if (std::string why = unfit(*node, quantized); !why.empty()) {
      placement_.skipped.push_back(node_label(*node) + ": " + why);
      return;
    }
    quantized.output = node->output(0);
    if (NodeProto* activation = fused_activation(*node)) quantized.output = activation->output(0);
    add(node->input(0));
    if (!quantized.constant_weight) add(node->input(1));
    if (target_.quantize_outputs && node->op_type() == "Conv") {
      add(quantized.output);
      placement_.everywhere.insert(quantized.output);
    }
    quantized_.insert(node);
    placement_.nodes.push_back(quantized);
  }

  /// Why a candidate stays in float; empty if it does not.
  std::string unfit(const NodeProto& node, QuantizedNode& quantized) const {
    if (is_excluded(node, options_.exclude_nodes, options_.exclude_patterns)) return "excluded";
    if (node.input_size() < 2) return "without weights";
    const std::string& op = node.op_type();
    if (graph_.constant(node.input(0))) return "its first input is constant";
    const std::optional<Graph::Constant> weight = graph_.constant(node.input(1));
    if (!weight) {
      quantized.constant_weight = false;
      if (op != "MatMul" || !target_.computed_matmul) return "its weights are computed";
      return {};
    }
    if (weight->dtype != DType::kFloat32) return "weights of " + std::string(name(weight->dtype));
    if (element_count(weight->shape).value_or(0) == 0) return "weights without elements";
    const std::size_t rank = weight->shape.size();
    if (op == "MatMul") {
      if (rank != 2) return "weights of rank " + std::to_string(rank);
      quantized.axis = 1;
    } else if (op == "Gemm") {
      if (rank != 2) return "weights of rank " + std::to_string(rank);
      if (onnx_model::float_attribute(node, "alpha", 1) != 1 || onnx_model::int_attribute(node, "transA", 0) != 0)
        return "alpha or a transposed input";
      quantized.axis = onnx_model::int_attribute(node, "transB", 0) != 0 ? 0 : 1;
      const bool biased = node.input_size() > 2 && !node.input(2).empty();
      if (biased && onnx_model::float_attribute(node, "beta", 1) != 1) return "beta";
      if (biased && target_.quantize_bias &&
          !fits_bias(node.input(2), weight->shape[static_cast<std::size_t>(quantized.axis)]))
        return "a bias that is computed or no vector";
    } else {
      if (rank < 3) return "weights of rank " + std::to_string(rank);
      // In a transposed convolution channels are the second axis, and repeat in each group.
      const bool transposed = op == "ConvTranspose";
      quantized.axis = transposed ? (onnx_model::int_attribute(node, "group", 1) == 1 ? 1 : -1) : 0;
      if (!transposed && node.input_size() > 2 && !node.input(2).empty() && target_.quantize_bias &&
          !fits_bias(node.input(2), weight->shape[0]))
        return "a bias that is computed or no vector";
    }
    if (!target_.per_channel) quantized.axis = -1;
    return {};
  }

  bool fits_bias(const std::string& value, std::int64_t channels) const {
    const auto bias = graph_.constant(value);
    return bias && bias->dtype == DType::kFloat32 && element_count(bias->shape) == channels &&
           (bias->shape.size() == 1 || (bias->shape.size() == 2 && bias->shape[0] == 1));
  }

  /// Relu, or Clip from 0 on, that follows alone: the quantizer's own clamping replaces it.
  NodeProto* fused_activation(const NodeProto& node) const {
    if (!graph_.has_one_use(node.output(0))) return nullptr;
    NodeProto* next = graph_.consumers(node.output(0)).front();
    if (!is_default(*next)) return nullptr;
    if (next->op_type() == "Relu") return next;
    if (next->op_type() != "Clip" || next->input_size() < 2) return nullptr;
    const auto low = graph_.constant(next->input(1));
    if (!low || low->dtype != DType::kFloat32 || element_count(low->shape) != 1) return nullptr;
    const auto value = graph_.load_constant(next->input(1));
    return value && value->as<float>()[0] == 0 ? next : nullptr;
  }

  void add(const std::string& tensor) { chosen_.insert(tensor); }

  /// Data inputs of a node that may ride along.
  static std::vector<std::string> data_inputs(const NodeProto& node) {
    if (node.op_type() == "Add" || node.op_type() == "Concat") return {node.input().begin(), node.input().end()};
    return node.input_size() > 0 ? std::vector<std::string>{node.input(0)} : std::vector<std::string>{};
  }
  bool may_join(const NodeProto& node) const {
    if (!is_default(node) || !target_.pass_through.contains(node.op_type()) || node.output_size() < 1) return false;
    if (is_excluded(node, options_.exclude_nodes, options_.exclude_patterns)) return false;
    if (node.op_type() == "MaxPool" && node.output_size() > 1 && !node.output(1).empty()) return false;
    const std::vector<std::string> inputs = data_inputs(node);
    return !inputs.empty() && std::none_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
      return graph_.constant(input).has_value();
    });
  }
  /// What a joined node gives out: for Add after the activation that follows it.
  std::string joined_output(const NodeProto& node) const {
    if (node.op_type() == "Add")
      if (NodeProto* activation = fused_activation(node)) return activation->output(0);
    return node.output(0);
  }

  /// Int8 goes on through nodes whose inputs are all quantized, as long as it ends in a quantized node.
  void extend() {
    for (auto node = order_.rbegin(); node != order_.rend(); ++node) {
      const bool useful = quantized_.contains(*node) || (may_join(**node) && leads_.contains(joined_output(**node)));
      if (useful)
        for (const std::string& input :
             quantized_.contains(*node) ? std::vector<std::string>{(*node)->input(0)} : data_inputs(**node))
          leads_.insert(input);
    }
    for (const NodeProto* node : order_) {
      if (!may_join(*node)) continue;
      const std::vector<std::string> inputs = data_inputs(*node);
      if (!std::all_of(inputs.begin(), inputs.end(), [&](const std::string& input) { return chosen_.contains(input); }))
        continue;
      const std::string output = joined_output(*node);
      if (!chosen_.contains(output) && leads_.contains(output)) add(output);
      if (!chosen_.contains(output)) continue;
      placement_.joined.insert(node);
      if (kMoves.contains(node->op_type())) placement_.same_range[output] = inputs.front();
      // Add and the pools fuse only if everyone reads what comes out in int8.
      if (!kMoves.contains(node->op_type()) && target_.quantize_outputs) placement_.everywhere.insert(output);
    }
  }

  void order_tensors() {
    std::unordered_set<std::string> done;
    const auto visit = [&](const std::string& tensor) {
      if (chosen_.contains(tensor) && done.insert(tensor).second) placement_.tensors.push_back(tensor);
    };
    for (const NodeProto* node : order_) {
      for (const auto& input : node->input()) visit(input);
      for (const auto& output : node->output()) visit(output);
    }
  }

  const Graph& graph_;
  const Target& target_;
  const StaticOptions& options_;
  std::vector<NodeProto*> order_;
  std::unordered_set<const NodeProto*> quantized_;
  std::unordered_set<std::string> chosen_, leads_;
  Placement placement_;
};

}  // namespace

Placement place_quantizers(const Graph& graph, const Target& target, const StaticOptions& options) {
  return Placer(graph, target, options).run();
}

}  // namespace speedster::compressor
