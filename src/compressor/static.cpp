#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "compressor/bias_correction.h"
#include "compressor/placement.h"
#include "compressor/quantize.h"
#include "compressor/switches.h"
#include "compressor/weights.h"
#include "onnx/dtypes.h"
#include "onnx/version.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::OnnxModel;

constexpr std::int64_t kPerChannelOpset = 13;

/// Scale and zero point of a tensor in 8 bits.
struct Grid {
  float scale = 1;
  std::int32_t zero_point = 0;
  std::string scale_name, zero_point_name;
};

/// The range always holds 0, which padding and Relu need exactly.
Result<Grid> grid_for(const std::string& tensor, const Range& range, bool is_unsigned) {
  if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high)
    return Error(ErrorKind::kBadInput, "[quantize] expected a finite range of '" + tensor + "', got " +
                                           std::to_string(range.low) + " to " + std::to_string(range.high));
  const double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0);
  Grid grid;
  if (is_unsigned) {
    const double scale = (high - low) / 255.0;
    grid.scale = scale > 1e-30 ? static_cast<float>(scale) : 1.0F;
    grid.zero_point =
        std::clamp(static_cast<std::int32_t>(std::nearbyint(-low / static_cast<double>(grid.scale))), 0, 255);
  } else {
    const double scale = std::max(-low, high) / 127.0;
    grid.scale = scale > 1e-30 ? static_cast<float>(scale) : 1.0F;
  }
  return grid;
}

class StaticQuantizer {
 public:
  StaticQuantizer(OnnxModel& model, const Target& target, const Ranges& ranges, const StaticOptions& options)
      : target_(target), ranges_(ranges), graph_(model), placement_(place_quantizers(graph_, target, options)) {
    if (!options.channels.empty()) corrector_.emplace(graph_, onnx_model::value_types(model), options.channels);
  }

  /// Every value is read through the switch of its node: see with_switches().
  void add_switches() {
    std::map<std::string, std::string> made_by;  // switch of who makes a tensor
    auto* input = graph_.proto().add_input();
    input->set_name(kSwitchInput);
    auto* type = input->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx_model::dtype_to_onnx(DType::kBool));
    type->mutable_shape()->add_dim()->set_dim_value(static_cast<std::int64_t>(placement_.nodes.size()));
    for (std::size_t i = 0; i < placement_.nodes.size(); ++i) {
      const std::vector<std::int64_t> index{static_cast<std::int64_t>(i)};
      const std::string gate = graph_.unique("speedster_switch");
      graph_.add_node(
          "Gather",
          {kSwitchInput, graph_.add_constant(gate + "_index", Tensor::from<std::int64_t>(DType::kInt64, {}, index))},
          {gate}, gate);
      switches_[placement_.nodes[i].node] = gate;
      made_by[placement_.nodes[i].output] = gate;
    }
    // An addition rides along only while its first operand is made in int8.
    for (NodeProto* node : graph_.ordered_nodes()) {
      if (!placement_.joined.contains(node)) continue;
      const auto maker = made_by.find(node->input(0));
      if (maker == made_by.end()) continue;
      const std::string gate = maker->second;
      made_by[node->output(0)] = gate;
      for (const NodeProto* next : graph_.consumers(node->output(0)))
        if (graph_.has_one_use(node->output(0))) made_by[next->output(0)] = gate;  // its activation
    }
    for (const auto& [tensor, gate] : made_by)
      if (placement_.everywhere.contains(tensor)) output_switches_[tensor] = gate;
  }

  Result<QuantizationSummary> run() {
    SPEEDSTER_TRY(make_grids());
    // Weights first: they look tensors up by the names that the pairs below replace.
    for (const QuantizedNode& quantized : placement_.nodes) SPEEDSTER_TRY(quantize_weights(quantized));
    for (const std::string& tensor : placement_.tensors) insert_pair(tensor);
    QuantizationSummary summary;
    summary.candidate_nodes = placement_.candidates;
    summary.quantized_nodes = placement_.nodes.size();
    for (const QuantizedNode& quantized : placement_.nodes)
      summary.nodes.push_back(onnx_model::node_label(*quantized.node));
    summary.skipped = placement_.skipped;
    if (corrector_) summary.corrected_biases = corrector_->count();
    SPEEDSTER_TRY(graph_.finish());
    return summary;
  }

 private:
  Result<void> make_grids() {
    for (const std::string& tensor : placement_.tensors) {
      const auto source = placement_.same_range.find(tensor);
      if (source != placement_.same_range.end() && grids_.contains(source->second)) {
        grids_[tensor] = grids_[source->second];
        continue;
      }
      const auto range = ranges_.find(tensor);
      if (range == ranges_.end())
        return Error(ErrorKind::kBadInput,
                     "[quantize] expected the range of '" + tensor + "', got none; try to calibrate again");
      SPEEDSTER_ASSIGN(Grid grid, grid_for(tensor, within_use(tensor, range->second), target_.unsigned_activations));
      const std::vector<float> scale{grid.scale};
      grid.scale_name = graph_.add_constant(tensor + "_scale", Tensor::from<float>(DType::kFloat32, {}, scale));
      const std::vector<std::uint8_t> zero{static_cast<std::uint8_t>(grid.zero_point)};
      grid.zero_point_name = graph_.add_constant(
          tensor + "_zero_point",
          Tensor::from<std::uint8_t>(target_.unsigned_activations ? DType::kUInt8 : DType::kInt8, {}, zero));
      grids_[tensor] = grid;
    }
    return {};
  }

  /// The part of a range that its readers tell apart: HardSwish gives 0 for all below -3, and HardSigmoid is flat on
  /// both sides, so that steps spent there would be lost (a third of them in a network of hard-swishes).
  Range within_use(const std::string& tensor, Range range) const {
    const std::vector<NodeProto*> readers = graph_.consumers(tensor);
    const bool finite = std::isfinite(range.low) && std::isfinite(range.high);  // grid_for refuses the others by name
    if (!finite || readers.empty() || graph_.is_output(tensor)) return range;
    Range used{0, 0};
    for (const NodeProto* reader : readers) {
      Range here = range;
      if (onnx_model::operator_name(*reader) == "HardSwish") {
        here.low = std::max(range.low, -3.0);
      } else if (onnx_model::operator_name(*reader) == "HardSigmoid") {
        const double alpha = onnx_model::float_attribute(*reader, "alpha", 0.2),
                     beta = onnx_model::float_attribute(*reader, "beta", 0.5);
        if (alpha > 0) here = {std::max(range.low, -beta / alpha), std::min(range.high, (1 - beta) / alpha)};
      }
      used = {std::min(used.low, here.low), std::max(used.high, here.high)};
    }
    return used.low <= used.high ? used : range;
  }

  /// tensor → QuantizeLinear → DequantizeLinear → those who read the quantized form.
  void insert_pair(const std::string& tensor) {
    const Grid& grid = grids_.at(tensor);
    const bool everywhere = placement_.everywhere.contains(tensor);
    NodeProto* producer = graph_.producer(tensor);
    const std::vector<NodeProto*> readers = graph_.consumers(tensor);
    std::string source = tensor, result;
    if (everywhere && graph_.is_output(tensor) && producer) {
      // The graph's output keeps its name; the value before the pair gets a new one.
      source = graph_.unique(tensor + "_float");
      for (int i = 0; i < producer->output_size(); ++i)
        if (producer->output(i) == tensor) graph_.set_output(*producer, i, source);
      result = tensor;
    } else {
      result = graph_.unique(tensor + "_dequantized");
    }
    const std::string quantized = graph_.unique(tensor + "_quantized");
    const auto output_switch = output_switches_.find(tensor);
    const bool switched_output = result == tensor && output_switch != output_switches_.end();
    const std::string pair = switched_output ? graph_.unique(tensor + "_dequantized") : result;
    graph_.add_node("QuantizeLinear", {source, grid.scale_name, grid.zero_point_name}, {quantized},
                    tensor + "_QuantizeLinear");
    graph_.add_node("DequantizeLinear", {quantized, grid.scale_name, grid.zero_point_name}, {pair},
                    tensor + "_DequantizeLinear");
    if (switched_output) graph_.add_node("Where", {output_switch->second, pair, source}, {tensor}, pair + "_switched");
    if (result == tensor) return;
    for (NodeProto* reader : readers) {
      const bool reads = everywhere || placement_.joined.contains(reader) ||
                         std::any_of(placement_.nodes.begin(), placement_.nodes.end(),
                                     [&](const QuantizedNode& q) { return q.node == reader; });
      if (!reads) continue;
      const std::string seen = seen_by(*reader, result, tensor);
      for (int i = 0; i < reader->input_size(); ++i)
        if (reader->input(i) == tensor) graph_.set_input(*reader, i, seen);
    }
  }

  /// `exact` where no switch of the reader or of who made the value is on; without switches the quantized one.
  std::string seen_by(const NodeProto& reader, const std::string& quantized, const std::string& exact) {
    if (switches_.empty()) return quantized;
    std::string seen = exact;
    if (const auto made = output_switches_.find(exact); made != output_switches_.end())
      seen = switched(made->second, quantized, seen);
    if (const auto own = switches_.find(&reader); own != switches_.end()) seen = switched(own->second, quantized, seen);
    return seen;
  }
  std::string switched(const std::string& gate, const std::string& quantized, const std::string& exact) {
    const std::string result = graph_.unique(quantized + "_switched");
    graph_.add_node("Where", {gate, quantized, exact}, {result}, result);
    return result;
  }

  Result<void> quantize_weights(const QuantizedNode& quantized) {
    if (!quantized.constant_weight) return {};
    NodeProto& node = *quantized.node;
    std::optional<BiasCorrector::Layer> correction;
    if (corrector_) correction = corrector_->layer(node);  // before its weights are replaced
    const double activation_scale = static_cast<double>(grids_.at(node.input(0)).scale);
    const bool biased = target_.quantize_bias && node.input_size() > 2 && !node.input(2).empty();
    Tensor bias;
    if (biased) {
      SPEEDSTER_ASSIGN(bias, graph_.load_constant(node.input(2)));
    }
    SPEEDSTER_ASSIGN(const Stored stored,
                     stored_weight(node, quantized.axis, biased ? &bias : nullptr, activation_scale));
    std::vector<double> shifts;
    if (correction) {
      SPEEDSTER_ASSIGN(shifts, corrector_->lost(*correction, stored.values, stored.scales, quantized.axis));
    }
    const std::string weight = dequantized(stored.values, stored.scale, quantized.axis, node.input(1));
    graph_.set_input(node, 1, seen_by(node, weight, node.input(1)));
    if (!biased) return shifts.empty() ? Result<void>() : corrector_->add(node, shifts);
    if (!shifts.empty()) corrector_->add(bias, shifts);

    const auto values = bias.as<float>();
    Tensor integers(DType::kInt32, {bias.count()});
    std::vector<float> scales(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double scale = activation_scale * static_cast<double>(stored.scales[stored.scales.size() == 1 ? 0 : i]);
      scales[i] = static_cast<float>(scale);
      integers.as<std::int32_t>()[i] = static_cast<std::int32_t>(
          std::clamp(std::nearbyint(static_cast<double>(values[i]) / scale), -kBiasLimit, kBiasLimit));
    }
    if (stored.scales.size() == 1) scales.resize(1);
    const std::string base = node.input(2);
    const std::string data = graph_.add_constant(base + "_quantized", integers);
    const Shape shape = scales.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(scales.size())};
    const std::string scale = graph_.add_constant(base + "_scale", Tensor::from<float>(DType::kFloat32, shape, scales));
    graph_.set_input(node, 2, seen_by(node, dequantized(data, scale, scales.size() == 1 ? -1 : 0, base), base));
    return {};
  }

  struct Stored {
    std::string values, scale;
    std::vector<float> scales;
  };

  /// The quantized form of input 1, made once for all nodes that share the weight and its axis.
  Result<Stored> stored_weight(const NodeProto& node, std::int64_t axis, const Tensor* bias, double activation_scale) {
    const std::string source = graph_.resolve(node.input(1));
    const auto key = std::make_pair(source, axis);
    if (const auto found = stored_.find(key); found != stored_.end() && fits(found->second, bias, activation_scale))
      return found->second;
    SPEEDSTER_ASSIGN(const Tensor weight, graph_.load_constant(node.input(1)));
    std::vector<double> least;
    if (bias) {
      // A bias must fit 32 bits in units of activation scale × weight scale.
      const auto values = bias->as<float>();
      least.resize(axis < 0 ? 1 : values.size(), 0.0);
      for (std::size_t i = 0; i < values.size(); ++i) {
        double& bound = least[axis < 0 ? 0 : i];
        bound = std::max(bound, std::abs(static_cast<double>(values[i])) / (activation_scale * kBiasLimit));
      }
    }
    auto quantized = quantize_weight(weight, axis, target_.weight_bits, least);
    if (!quantized)
      return std::move(quantized).error().wrap("[quantize] cannot quantize " + onnx_model::node_label(node));
    Stored stored;
    stored.scales = quantized->scales;
    stored.values = graph_.add_constant(source + "_quantized", quantized->values);
    const Shape shape = axis < 0 ? Shape{} : Shape{static_cast<std::int64_t>(stored.scales.size())};
    stored.scale = graph_.add_constant(source + "_scale", Tensor::from<float>(DType::kFloat32, shape, stored.scales));
    stored_[key] = stored;
    return stored;
  }

  static bool fits(const Stored& stored, const Tensor* bias, double activation_scale) {
    if (!bias) return true;
    const auto values = bias->as<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double scale = activation_scale * static_cast<double>(stored.scales[stored.scales.size() == 1 ? 0 : i]);
      if (std::abs(static_cast<double>(values[i])) > scale * kBiasLimit) return false;
    }
    return true;
  }

  /// A DequantizeLinear of its own for each reader: vendors match it as part of the node.
  std::string dequantized(const std::string& values, const std::string& scale, std::int64_t axis,
                          const std::string& base) {
    const std::string result = graph_.unique(base + "_dequantized");
    NodeProto& node = graph_.add_node("DequantizeLinear", {values, scale}, {result}, base + "_DequantizeLinear");
    if (axis >= 0) onnx_model::set_attribute(node, "axis", axis);
    return result;
  }

  static constexpr double kBiasLimit = 1 << 30;

  const Target& target_;
  const Ranges& ranges_;
  Graph graph_;
  Placement placement_;
  std::optional<BiasCorrector> corrector_;
  std::map<std::string, Grid> grids_;
  std::map<std::pair<std::string, std::int64_t>, Stored> stored_;
  std::map<const NodeProto*, std::string> switches_;    // by node; empty without switches
  std::map<std::string, std::string> output_switches_;  // of who makes a tensor that everyone reads quantized
};

}  // namespace

Result<void> refuse_quantized(const OnnxModel& model) {
  for (const auto& [op, count] : model.operators()) {
    const std::size_t dot = op.rfind('.');
    const std::string name = dot == std::string::npos ? op : op.substr(dot + 1);
    if (name.starts_with("QLinear") || name.starts_with("MatMulInteger") || name.starts_with("MatMulNBits") ||
        name.starts_with("DynamicQuantize") || name == "QuantizeLinear" || name == "DequantizeLinear" ||
        name == "ConvInteger" || name == "QGemm" || name == "QAttention")
      return Error(ErrorKind::kUnsupported, "[quantize] expected a model in floating point, got " +
                                                std::to_string(count) + " " + op +
                                                " nodes: it is quantized already; try its float original");
  }
  return {};
}

std::vector<std::string> calibration_tensors(const OnnxModel& model, const Target& target,
                                             const StaticOptions& options) {
  OnnxModel copy = model.clone();
  const Graph graph(copy);
  const Placement placement = place_quantizers(graph, target, options);
  std::vector<std::string> tensors;
  std::set<std::string> known;  // what takes the scale of a tensor before it needs no range of its own
  for (const std::string& tensor : placement.tensors) {
    const auto source = placement.same_range.find(tensor);
    if (source == placement.same_range.end() || !known.contains(source->second)) tensors.push_back(tensor);
    known.insert(tensor);
  }
  return tensors;
}

Result<OnnxModel> with_outputs(const OnnxModel& model, const std::vector<std::string>& tensors) {
  const auto types = onnx_model::value_types(model);
  OnnxModel copy = model.clone();
  auto& outputs = *copy.proto().mutable_graph()->mutable_output();
  outputs.Clear();
  for (const std::string& tensor : tensors) {
    const auto type = types.find(tensor);
    auto* output = outputs.Add();
    output->set_name(tensor);
    auto* tensor_type = output->mutable_type()->mutable_tensor_type();
    tensor_type->set_elem_type(onnx_model::dtype_to_onnx(type == types.end() ? DType::kFloat32 : type->second.dtype));
  }
  Graph graph(copy);
  for (const std::string& tensor : tensors) {
    const auto& inputs = graph.proto().input();
    const bool known =
        graph.producer(tensor) || graph.constant(tensor) ||
        std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) { return input.name() == tensor; });
    if (!known) return Error(ErrorKind::kNotFound, "[quantize] expected a value of the graph, got '" + tensor + "'");
  }
  SPEEDSTER_TRY(graph.finish());
  return copy;
}

namespace {

Result<void> prepare_for_pairs(OnnxModel& model) {
  SPEEDSTER_TRY(refuse_quantized(model));
  if (auto raised = onnx_model::raise_opset(model, kPerChannelOpset); !raised)
    return std::move(raised).error().wrap("[quantize] per-channel quantization needs opset 13");
  return {};
}

}  // namespace

Result<std::vector<std::string>> with_switches(OnnxModel& model, const Target& target, const Ranges& ranges,
                                               const StaticOptions& options) {
  SPEEDSTER_TRY(prepare_for_pairs(model));
  StaticQuantizer quantizer(model, target, ranges, options);
  quantizer.add_switches();
  SPEEDSTER_ASSIGN(QuantizationSummary summary, quantizer.run());
  return std::move(summary.nodes);
}

Result<QuantizationSummary> quantize_static(OnnxModel& model, const Target& target, const Ranges& ranges,
                                            const StaticOptions& options) {
  SPEEDSTER_TRY(prepare_for_pairs(model));
  return StaticQuantizer(model, target, ranges, options).run();
}

}  // namespace speedster::compressor
