#include "rewrite/linear_layer.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>

#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;

bool is_padded(const NodeProto& node) {
  const auto* auto_pad = onnx_model::find_attribute(node, "auto_pad");
  if (auto_pad && auto_pad->s() != "NOTSET" && auto_pad->s() != "VALID" && !auto_pad->s().empty()) return true;
  const std::vector<std::int64_t> pads = onnx_model::ints_attribute(node, "pads");
  return std::any_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad != 0; });
}

}  // namespace

std::optional<LinearLayer> LinearLayer::of(Graph& graph, NodeProto& node, const Types& types) {
  LinearLayer layer(graph, node);
  if (!layer.describe(types)) return std::nullopt;
  return layer;
}

bool LinearLayer::describe(const Types& types) {
  const std::pair<const char*, Op> ops[] = {
      {"Conv", Op::kConv}, {"ConvTranspose", Op::kConvTranspose}, {"MatMul", Op::kMatMul}, {"Gemm", Op::kGemm}};
  const auto* op = std::find_if(std::begin(ops), std::end(ops), [&](const auto& o) { return is_op(node_, o.first); });
  if (op == std::end(ops) || node_->input_size() < 2 || node_->output_size() != 1) return false;
  op_ = op->second;
  const auto weight = graph_->constant(node_->input(1));
  if (!weight || weight->dtype != DType::kFloat32 || element_count(weight->shape).value_or(0) == 0) return false;
  const Shape& shape = weight->shape;
  if (op_ == Op::kMatMul || op_ == Op::kGemm) {
    if (shape.size() != 2 || onnx_model::int_attribute(*node_, "transA", 0) != 0) return false;
    transposed_ = op_ == Op::kGemm && onnx_model::int_attribute(*node_, "transB", 0) != 0;
    // A vector times a matrix is a vector: where the rank is not known, only what suits that may be folded.
    const std::size_t rank =
        op_ == Op::kGemm ? 2 : std::max<std::size_t>(least_rank(*graph_, types, node_->output(0)), 1);
    inputs_ = {shape[transposed_ ? 1 : 0], rank, 0};
    outputs_ = {shape[transposed_ ? 0 : 1], rank, 0};
    if (op_ == Op::kGemm &&
        (onnx_model::float_attribute(*node_, "alpha", 1) != 1 || onnx_model::float_attribute(*node_, "beta", 1) != 1))
      return false;
  } else {
    const std::int64_t groups = onnx_model::int_attribute(*node_, "group", 1);
    transposed_ = op_ == Op::kConv;
    if (shape.size() < 3 || groups < 1 || groups > shape[0] || shape[0] % groups != 0) return false;
    groups_ = static_cast<std::size_t>(groups);
    for (std::size_t i = 2; i < shape.size(); ++i) each_ *= static_cast<std::size_t>(shape[i]);
    const std::int64_t other = shape[1] * groups;
    inputs_ = {transposed_ ? other : shape[0], shape.size(), shape.size() - 2};
    outputs_ = {transposed_ ? shape[0] : other, shape.size(), shape.size() - 2};
    stops_shifts_ = op_ == Op::kConvTranspose || is_padded(*node_);
  }
  return bias_fits();
}

bool LinearLayer::bias_fits() const {
  if (node_->input_size() < 3 || node_->input(2).empty()) return true;
  const auto bias = graph_->constant(node_->input(2));
  if (!bias || bias->dtype != DType::kFloat32) return false;
  const bool row = op_ == Op::kGemm && bias->shape == Shape{1, outputs_.count};
  return row || bias->shape == Shape{outputs_.count};
}

std::size_t LinearLayer::output_of(std::size_t element) const {
  const std::size_t outputs = static_cast<std::size_t>(outputs_.count),
                    inputs = static_cast<std::size_t>(inputs_.count);
  if (transposed_) return element / (inputs / groups_ * each_);
  const std::size_t input = element / (outputs / groups_ * each_);
  return element / each_ % (outputs / groups_) + input / (inputs / groups_) * (outputs / groups_);
}

std::size_t LinearLayer::input_of(std::size_t element) const {
  const std::size_t outputs = static_cast<std::size_t>(outputs_.count),
                    inputs = static_cast<std::size_t>(inputs_.count);
  if (!transposed_) return element / (outputs / groups_ * each_);
  const std::size_t output = element / (inputs / groups_ * each_);
  return element / each_ % (inputs / groups_) + output / (outputs / groups_) * (inputs / groups_);
}

Result<std::vector<double>> LinearLayer::input_shares() const {
  SPEEDSTER_ASSIGN(const Tensor weight, graph_->load_constant(node_->input(1)));
  const auto values = weight.as<float>();
  std::vector<double> largest(static_cast<std::size_t>(outputs_.count)),
      shares(static_cast<std::size_t>(inputs_.count));
  for (std::size_t e = 0; e < values.size(); ++e) {
    double& most = largest[output_of(e)];
    most = std::max(most, std::abs(static_cast<double>(values[e])));
  }
  for (std::size_t e = 0; e < values.size(); ++e) {
    const double most = largest[output_of(e)];
    double& share = shares[input_of(e)];
    if (most > 0) share = std::max(share, std::abs(static_cast<double>(values[e])) / most);
  }
  return shares;
}

std::vector<double> LinearLayer::respond(const Tensor& weights, std::span<const double> inputs,
                                         std::span<const double> taps) const {
  std::vector<double> outputs(static_cast<std::size_t>(outputs_.count));
  const auto values = weights.as<float>();
  for (std::size_t e = 0; e < values.size(); ++e)
    outputs[output_of(e)] +=
        static_cast<double>(values[e]) * inputs[input_of(e)] * (taps.empty() ? 1 : taps[e % each_]);
  return outputs;
}

Result<void> LinearLayer::store() {
  SPEEDSTER_ASSIGN(Tensor weight, graph_->load_constant(node_->input(1)));
  const auto channels = static_cast<std::size_t>(outputs_.count);
  const bool biased = node_->input_size() > 2 && !node_->input(2).empty();
  std::vector<double> bias(channels, 0.0);
  if (biased) {
    SPEEDSTER_ASSIGN(const Tensor old, graph_->load_constant(node_->input(2)));
    std::copy(old.as<float>().begin(), old.as<float>().end(), bias.begin());
  }
  const auto values = weight.as<float>();
  for (std::size_t e = 0; e < values.size(); ++e) {
    const std::size_t output = output_of(e), input = input_of(e);
    const double value = values[e];
    bias[output] += value * before_.shift_of(input);
    values[e] = static_cast<float>(value * before_.scale_of(input) * after_.scale_of(output));
  }
  for (std::size_t c = 0; c < channels; ++c) bias[c] = bias[c] * after_.scale_of(c) + after_.shift_of(c);
  const std::string base = node_->output(0);
  graph_->set_input(*node_, 1, graph_->add_constant(base + "_weight", weight));
  if (!takes_bias()) return {};
  if (!biased && !before_.shifts() && !after_.shifts()) return {};
  const std::vector<float> rounded(bias.begin(), bias.end());
  graph_->set_input(
      *node_, 2, graph_->add_constant(base + "_bias", Tensor::from<float>(DType::kFloat32, {outputs_.count}, rounded)));
  return {};
}

}  // namespace speedster::rewrite
