#include "rewrite/affine.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using Found = std::optional<Affine>;

bool is_float(const std::optional<Graph::Constant>& constant) { return constant && constant->dtype == DType::kFloat32; }

Result<std::vector<double>> load(const Graph& graph, const std::string& value) {
  SPEEDSTER_ASSIGN(const Tensor tensor, graph.load_constant(value));
  const auto values = tensor.as<float>();
  return std::vector<double>(values.begin(), values.end());
}

/// One element, or one a channel on the channels' axis, and of no higher rank than what it is combined with.
bool fits(const Shape& shape, const Channels& channels) {
  if (shape.size() > channels.rank) return false;
  if (element_count(shape) == 1) return true;
  if (shape.size() <= channels.behind) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != (shape.size() - 1 - i == channels.behind ? channels.count : 1)) return false;
  return true;
}

Result<Found> normalization(const Graph& graph, const NodeProto& node, const std::string& input,
                            const Channels& channels) {
  if (node.input_size() < 5 || node.input(0) != input || channels.behind + 2 != channels.rank ||
      onnx_model::int_attribute(node, "training_mode", 0) != 0)
    return Found();
  // Other outputs exist in training only.
  for (int i = 1; i < node.output_size(); ++i)
    if (!node.output(i).empty()) return Found();
  std::vector<double> inputs[4];  // scale, bias, mean, variance
  for (int i = 1; i < 5; ++i) {
    const auto constant = graph.constant(node.input(i));
    if (!is_float(constant) || constant->shape != Shape{channels.count}) return Found();
    SPEEDSTER_ASSIGN(inputs[i - 1], load(graph, node.input(i)));
  }
  const double epsilon = onnx_model::float_attribute(node, "epsilon", 1e-5);
  Affine affine{std::move(inputs[0]), std::move(inputs[1])};
  for (std::size_t c = 0; c < affine.scale.size(); ++c) {
    affine.scale[c] /= std::sqrt(inputs[3][c] + epsilon);
    affine.shift[c] -= inputs[2][c] * affine.scale[c];
  }
  return affine.finite() ? Found(std::move(affine)) : Found();
}

}  // namespace

bool Affine::scales() const {
  return std::any_of(scale.begin(), scale.end(), [](double value) { return value != 1; });
}
bool Affine::shifts() const {
  return std::any_of(shift.begin(), shift.end(), [](double value) { return value != 0; });
}
bool Affine::finite() const {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  return std::all_of(scale.begin(), scale.end(), is_finite) && std::all_of(shift.begin(), shift.end(), is_finite);
}

Affine Affine::then(const Affine& next) const {
  const std::size_t count = std::max({scale.size(), shift.size(), next.scale.size(), next.shift.size()});
  Affine both{std::vector<double>(count), std::vector<double>(count)};
  for (std::size_t c = 0; c < count; ++c) {
    both.scale[c] = scale_of(c) * next.scale_of(c);
    both.shift[c] = shift_of(c) * next.scale_of(c) + next.shift_of(c);
  }
  return both;
}

Result<Found> affine_of(const Graph& graph, const NodeProto& node, const std::string& input, const Channels& channels) {
  if (is_op(&node, "BatchNormalization")) return normalization(graph, node, input, channels);
  const bool add = is_op(&node, "Add"), sub = is_op(&node, "Sub"), mul = is_op(&node, "Mul"), div = is_op(&node, "Div");
  if (!add && !sub && !mul && !div) return Found();
  const int place = other_input(node, input);
  if (place < 0 || (div && place != 1)) return Found();
  const auto constant = graph.constant(node.input(place));
  if (!is_float(constant) || !fits(constant->shape, channels)) return Found();
  Affine affine;
  SPEEDSTER_ASSIGN(std::vector<double> values, load(graph, node.input(place)));
  if (sub && place == 0) affine.scale[0] = -1;
  if (sub && place == 1) std::transform(values.begin(), values.end(), values.begin(), std::negate<>());
  if (div) std::transform(values.begin(), values.end(), values.begin(), [](double value) { return 1.0 / value; });
  (add || sub ? affine.shift : affine.scale) = std::move(values);
  return affine.finite() ? Found(std::move(affine)) : Found();
}

}  // namespace speedster::rewrite
