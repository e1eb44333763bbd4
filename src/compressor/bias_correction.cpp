#include "compressor/bias_correction.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>

#include "compressor/weights.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;

// Beyond it padding does not matter, and counting would take long.
constexpr double kMostOutputs = 1e5;

/// One spatial axis of a convolution.
struct Axis {
  double extent = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0;

  double outputs() const { return std::floor((extent + begin + end - dilation * (kernel - 1) - 1) / stride) + 1; }
  /// Outputs for which this place of the kernel lies on data, as a part of all.
  double share(double tap) const {
    const double all = outputs(), first = tap * dilation - begin;
    if (all < 1 || all > kMostOutputs) return 1;
    double inside = 0;
    for (double output = 0; output < all; ++output) {
      const double at = output * stride + first;
      inside += at >= 0 && at < extent ? 1 : 0;
    }
    return inside / all;
  }
};

/// As the attribute auto_pad has it: outputs are the extent over the stride, rounded up.
void pad_to_same(Axis& axis, bool more_at_end) {
  const double outputs = std::ceil(axis.extent / axis.stride);
  const double all = std::max((outputs - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1 - axis.extent, 0.0);
  const double less = std::floor(all / 2);
  axis.begin = more_at_end ? less : all - less;
  axis.end = all - axis.begin;
}

}  // namespace

std::vector<double> taps_on_data(const NodeProto& node, const Shape& kernel, std::span<const double> extents) {
  const std::size_t rank = extents.size();
  if (kernel.size() != rank + 2) return {};
  const auto attribute = [&](const char* name) { return onnx_model::ints_attribute(node, name); };
  const std::vector<std::int64_t> strides = attribute("strides"), dilations = attribute("dilations"),
                                  pads = attribute("pads");
  const auto* auto_pad = onnx_model::find_attribute(node, "auto_pad");
  const bool same = auto_pad && auto_pad->s().starts_with("SAME");
  std::vector<double> taps{1.0};
  for (std::size_t i = 0; i < rank; ++i) {
    Axis axis;
    axis.extent = std::max(std::round(extents[i]), 1.0);
    axis.kernel = static_cast<double>(kernel[i + 2]);
    if (strides.size() == rank) axis.stride = static_cast<double>(std::max<std::int64_t>(strides[i], 1));
    if (dilations.size() == rank) axis.dilation = static_cast<double>(std::max<std::int64_t>(dilations[i], 1));
    if (same) {
      pad_to_same(axis, auto_pad->s() == "SAME_UPPER");
    } else if (pads.size() == 2 * rank) {
      axis.begin = static_cast<double>(pads[i]);
      axis.end = static_cast<double>(pads[rank + i]);
    }
    std::vector<double> next;
    for (const double before : taps)
      for (std::int64_t tap = 0; tap < kernel[i + 2]; ++tap)
        next.push_back(before * axis.share(static_cast<double>(tap)));
    taps = std::move(next);
  }
  return taps;
}

std::optional<BiasCorrector::Layer> BiasCorrector::layer(NodeProto& node) {
  const auto seen = channels_.find(node.input(0));
  // What a transposed convolution adds up depends on the place.
  if (seen == channels_.end() || node.op_type() == "ConvTranspose") return std::nullopt;
  std::optional<rewrite::LinearLayer> layer = rewrite::LinearLayer::of(graph_, node, types_);
  if (!layer || static_cast<std::size_t>(layer->inputs().count) != seen->second.mean.size() ||
      layer->inputs().behind != seen->second.extents.size())
    return std::nullopt;
  Layer found{std::move(*layer), &seen->second, node.input(1), {}};
  if (node.op_type() == "Conv")
    found.taps = taps_on_data(node, graph_.constant(node.input(1))->shape, seen->second.extents);
  if (node.op_type() != "MatMul" && (node.input_size() < 3 || node.input(2).empty())) {
    const std::int64_t channels = found.layer.outputs().count;
    const std::vector<float> zeros(static_cast<std::size_t>(channels), 0.0F);
    graph_.set_input(
        node, 2,
        graph_.add_constant(node.output(0) + "_bias", Tensor::from<float>(DType::kFloat32, {channels}, zeros)));
  }
  return found;
}

Result<std::vector<double>> BiasCorrector::lost(const Layer& layer, const std::string& integers,
                                                std::span<const float> scales, std::int64_t axis) const {
  SPEEDSTER_ASSIGN(Tensor weight, graph_.load_constant(layer.weight));
  SPEEDSTER_ASSIGN(const Tensor rounded, graph_.load_constant(integers));
  const auto values = weight.as<float>();
  const auto steps = rounded.as<std::int8_t>();
  const std::size_t inner = axis < 0 ? 1 : slice_size(weight.shape(), axis);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] -= scales[i / inner % scales.size()] * static_cast<float>(steps[i]);
  return layer.layer.respond(weight, layer.input->mean, layer.taps);
}

void BiasCorrector::add(Tensor& bias, std::span<const double> shifts) {
  for (std::size_t i = 0; i < shifts.size(); ++i) bias.as<float>()[i] += static_cast<float>(shifts[i]);
  ++count_;
}

Result<void> BiasCorrector::add(NodeProto& node, std::span<const double> shifts) {
  NodeProto* adds = &node;
  int place = 2;
  if (node.op_type() == "MatMul") {
    adds = graph_.has_one_use(node.output(0)) ? graph_.consumers(node.output(0)).front() : nullptr;
    if (!adds || onnx_model::operator_name(*adds) != "Add") return {};
    place = adds->input(0) == node.output(0) ? 1 : 0;
  }
  const auto known = graph_.constant(adds->input(place));
  // One value a channel, on the last axis of what a product gives out.
  const bool fits = known && known->dtype == DType::kFloat32 && !known->shape.empty() &&
                    known->shape.back() == static_cast<std::int64_t>(shifts.size()) &&
                    element_count(known->shape) == known->shape.back();
  if (!fits) return {};
  SPEEDSTER_ASSIGN(Tensor bias, graph_.load_constant(adds->input(place)));
  add(bias, shifts);
  graph_.set_input(*adds, place, graph_.add_constant(adds->input(place) + "_corrected", bias));
  return {};
}

}  // namespace speedster::compressor
