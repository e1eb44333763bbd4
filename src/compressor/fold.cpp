#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "compressor/simplify.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;

bool is_op(const NodeProto& node, std::string_view op) {
  return node.op_type() == op && (node.domain().empty() || node.domain() == "ai.onnx");
}

/// y = scale · x + shift, per output channel or (one element) for all.
struct Affine {
  std::vector<double> scale{1.0}, shift{0.0};
  double scale_of(std::size_t channel) const { return scale.size() == 1 ? scale[0] : scale[channel]; }
  double shift_of(std::size_t channel) const { return shift.size() == 1 ? shift[0] : shift[channel]; }
  bool finite() const {
    const auto all = [](const std::vector<double>& v) {
      return std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); });
    };
    return all(scale) && all(shift);
  }
};

Result<std::vector<double>> load(const Graph& graph, const std::string& value) {
  SPEEDSTER_ASSIGN(const Tensor tensor, graph.load_constant(value));
  const auto values = tensor.as<float>();
  return std::vector<double>(values.begin(), values.end());
}

bool is_float(const std::optional<Graph::Constant>& constant) { return constant && constant->dtype == DType::kFloat32; }

/// A constant that scales or shifts channels of an [N, channels, spatial…] value without changing its shape: one
/// element, or `channels` elements on the channel axis.
bool fits_channels(const Shape& shape, std::int64_t channels, std::size_t rank) {
  if (element_count(shape) == 1) return shape.size() <= rank;
  if (shape.size() > rank || shape.size() + 1 < rank) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool channel = i + rank - shape.size() == 1;
    if (shape[i] != (channel ? channels : 1)) return false;
  }
  return true;
}

/// The other input of a binary node; -1 where `value` is not exactly one of the two.
int other_input(const NodeProto& node, const std::string& value) {
  if (node.input_size() != 2 || (node.input(0) == value) == (node.input(1) == value)) return -1;
  return node.input(0) == value ? 1 : 0;
}

/// The node as an affine function of `input`, if it is one. `channels` < 0: constants of one element only.
Result<std::optional<Affine>> affine_of(const Graph& graph, const NodeProto& node, const std::string& input,
                                        std::int64_t channels, std::size_t rank) {
  Affine affine;
  if (is_op(node, "BatchNormalization")) {
    if (channels < 0 || node.input_size() < 5 || node.input(0) != input ||
        onnx_model::int_attribute(node, "training_mode", 0) != 0)
      return std::optional<Affine>();
    for (int i = 1; i < 5; ++i)
      if (const auto constant = graph.constant(node.input(i));
          !is_float(constant) || constant->shape != Shape{channels})
        return std::optional<Affine>();
    SPEEDSTER_ASSIGN(const auto gamma, load(graph, node.input(1)));
    SPEEDSTER_ASSIGN(const auto beta, load(graph, node.input(2)));
    SPEEDSTER_ASSIGN(const auto mean, load(graph, node.input(3)));
    SPEEDSTER_ASSIGN(const auto variance, load(graph, node.input(4)));
    const double epsilon = onnx_model::float_attribute(node, "epsilon", 1e-5);
    affine.scale.resize(gamma.size()), affine.shift.resize(gamma.size());
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      affine.scale[c] = gamma[c] / std::sqrt(variance[c] + epsilon);
      affine.shift[c] = beta[c] - mean[c] * affine.scale[c];
    }
    return affine.finite() ? std::optional(affine) : std::nullopt;
  }
  const bool add = is_op(node, "Add"), sub = is_op(node, "Sub"), mul = is_op(node, "Mul"), div = is_op(node, "Div");
  if (!add && !sub && !mul && !div) return std::optional<Affine>();
  const int other = other_input(node, input);
  if (other < 0 || ((sub || div) && other != 1)) return std::optional<Affine>();
  const auto constant = graph.constant(node.input(other));
  if (!is_float(constant)) return std::optional<Affine>();
  const bool one = element_count(constant->shape) == 1;
  if (channels < 0 ? !(one && constant->shape.size() <= 1) : !fits_channels(constant->shape, channels, rank))
    return std::optional<Affine>();
  SPEEDSTER_ASSIGN(std::vector<double> values, load(graph, node.input(other)));
  if (add) affine.shift = std::move(values);
  if (mul) affine.scale = std::move(values);
  if (sub)
    std::transform(values.begin(), values.end(), values.begin(), std::negate<>()), affine.shift = std::move(values);
  if (div) {
    if (std::any_of(values.begin(), values.end(), [](double v) { return v == 0; })) return std::optional<Affine>();
    std::transform(values.begin(), values.end(), values.begin(), [](double v) { return 1.0 / v; });
    affine.scale = std::move(values);
  }
  return affine.finite() ? std::optional(affine) : std::nullopt;
}

/// A convolution with constant float weights, taken into memory and written back once.
class Convolution {
 public:
  static bool fits(const Graph& graph, const NodeProto& node) {
    if (!is_op(node, "Conv") || node.input_size() < 2) return false;
    const auto weight = graph.constant(node.input(1));
    if (!is_float(weight) || weight->shape.size() < 3 || weight->shape[0] <= 0 || element_count(weight->shape) == 0)
      return false;
    if (node.input_size() < 3 || node.input(2).empty()) return true;
    const auto bias = graph.constant(node.input(2));
    return is_float(bias) && bias->shape == Shape{weight->shape[0]};
  }
  static Result<Convolution> load_from(Graph& graph, NodeProto& node) {
    Convolution convolution(graph, node);
    SPEEDSTER_ASSIGN(convolution.weight_, graph.load_constant(node.input(1)));
    convolution.bias_.assign(static_cast<std::size_t>(convolution.channels()), 0.0);
    if (node.input_size() > 2 && !node.input(2).empty()) {
      SPEEDSTER_ASSIGN(convolution.bias_, load(graph, node.input(2)));
    }
    return convolution;
  }

  std::int64_t channels() const { return weight_.shape()[0]; }
  std::size_t rank() const { return weight_.shape().size(); }
  void then(const Affine& affine) {
    for_each_channel([&](std::size_t channel, std::span<float> values) {
      for (float& value : values) value = static_cast<float>(value * affine.scale_of(channel));
      bias_[channel] = bias_[channel] * affine.scale_of(channel) + affine.shift_of(channel);
    });
  }
  /// One scale and shift for all input channels.
  void after(double scale, double shift) {
    for_each_channel([&](std::size_t channel, std::span<float> values) {
      double sum = 0;
      for (float& value : values) {
        sum += value;
        value = static_cast<float>(value * scale);
      }
      bias_[channel] += shift * sum;
    });
  }
  void store() {
    const std::string base = node_->output(0);
    graph_->set_input(*node_, 1, graph_->add_constant(base + "_weight", weight_));
    const std::vector<float> bias(bias_.begin(), bias_.end());
    graph_->set_input(*node_, 2,
                      graph_->add_constant(base + "_bias", Tensor::from<float>(DType::kFloat32, {channels()}, bias)));
  }

 private:
  Convolution(Graph& graph, NodeProto& node) : graph_(&graph), node_(&node) {}
  template <typename Visit>
  void for_each_channel(const Visit& visit) {
    const auto values = weight_.as<float>();
    const std::size_t each = values.size() / static_cast<std::size_t>(channels());
    for (std::size_t channel = 0; channel < static_cast<std::size_t>(channels()); ++channel)
      visit(channel, values.subspan(channel * each, each));
  }

  Graph* graph_;
  NodeProto* node_;
  Tensor weight_;
  std::vector<double> bias_;
};

bool is_padded(const NodeProto& node) {
  const auto* auto_pad = onnx_model::find_attribute(node, "auto_pad");
  if (auto_pad && auto_pad->s() != "NOTSET" && auto_pad->s() != "VALID" && !auto_pad->s().empty()) return true;
  const std::vector<std::int64_t> pads = onnx_model::ints_attribute(node, "pads");
  return std::any_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad != 0; });
}

}  // namespace

Result<std::size_t> fold_after_convolutions(Graph& graph) {
  std::size_t count = 0;
  for (NodeProto* node : graph.nodes()) {
    if (!Convolution::fits(graph, *node)) continue;
    std::optional<Convolution> convolution;
    while (graph.has_one_use(node->output(0))) {
      NodeProto* next = graph.consumers(node->output(0)).front();
      if (!next->attribute().empty() && !is_op(*next, "BatchNormalization")) break;
      const Shape weight = graph.constant(node->input(1))->shape;
      SPEEDSTER_ASSIGN(const std::optional<Affine> affine,
                       affine_of(graph, *next, node->output(0), weight[0], weight.size()));
      if (!affine) break;
      // Other outputs of BatchNormalization exist in training only.
      if (next->output_size() > 1 && !next->output(1).empty()) break;
      if (!convolution) {
        SPEEDSTER_ASSIGN(convolution, Convolution::load_from(graph, *node));
      }
      convolution->then(*affine);
      const std::string output = next->output(0);
      graph.remove_node(*next);
      graph.set_output(*node, 0, output);
      ++count;
    }
    if (convolution) convolution->store();
  }
  return count;
}

Result<std::size_t> fold_before_convolutions(Graph& graph) {
  std::size_t count = 0;
  for (NodeProto* node : graph.nodes()) {
    if (!Convolution::fits(graph, *node)) continue;
    std::optional<Convolution> convolution;
    // A shift does not pass zero padding, but a scale passes a shift: scale·x + shift = scale·(x + shift/scale).
    while (graph.has_one_use(node->input(0))) {
      NodeProto* before = graph.producer(node->input(0));
      if (!before || before->input_size() != 2 || before->attribute_size() > 0) break;
      const int data = graph.constant(before->input(0)) ? 1 : 0;
      const std::string input = before->input(data);
      SPEEDSTER_ASSIGN(const std::optional<Affine> affine,
                       affine_of(graph, *before, input, -1, graph.constant(node->input(1))->shape.size()));
      if (!affine) break;
      const bool shifts = affine->shift[0] != 0;
      if (shifts && is_padded(*node)) {
        NodeProto* scaling = graph.producer(input);
        if (!scaling || scaling->input_size() != 2 || scaling->attribute_size() > 0 || !graph.has_one_use(input)) break;
        const int inner = graph.constant(scaling->input(0)) ? 1 : 0;
        const std::string source = scaling->input(inner);
        SPEEDSTER_ASSIGN(const std::optional<Affine> scale,
                         affine_of(graph, *scaling, source, -1, graph.constant(node->input(1))->shape.size()));
        if (!scale || scale->shift[0] != 0 || scale->scale[0] == 0) break;
        const double moved = affine->shift[0] / scale->scale[0];
        if (!std::isfinite(moved) || std::abs(moved) > 1e6) break;
        if (!convolution) {
          SPEEDSTER_ASSIGN(convolution, Convolution::load_from(graph, *node));
        }
        convolution->after(scale->scale[0], 0);
        const std::vector<float> value{static_cast<float>(moved)};
        const std::string output = before->output(0);
        const std::string name = before->name().empty() ? output : before->name();
        graph.remove_node(*scaling);
        graph.remove_node(*before);
        graph.add_node("Add",
                       {source, graph.add_constant(output + "_shift", Tensor::from<float>(DType::kFloat32, {}, value))},
                       {output}, name);
        ++count;
        break;
      }
      if (!convolution) {
        SPEEDSTER_ASSIGN(convolution, Convolution::load_from(graph, *node));
      }
      convolution->after(affine->scale[0], affine->shift[0]);
      graph.remove_node(*before);
      graph.set_input(*node, 0, input);
      ++count;
    }
    if (convolution) convolution->store();
  }
  return count;
}

}  // namespace speedster::compressor
