#include "onnx/shapes.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "onnx/graph.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::NodeProto;
using Set = std::set<std::string_view>;

const Set kBroadcast = {"Add",   "Sub",         "Mul",   "Div",     "Pow",
                        "Mod",   "Max",         "Min",   "Sum",     "Mean",
                        "PRelu", "BitShift",    "Equal", "Greater", "GreaterOrEqual",
                        "Less",  "LessOrEqual", "And",   "Or",      "Xor"};
const Set kSameShape = {"Abs",
                        "Acos",
                        "Acosh",
                        "Asin",
                        "Asinh",
                        "Atan",
                        "Atanh",
                        "BatchNormalization",
                        "Cast",
                        "Ceil",
                        "Celu",
                        "Clip",
                        "Cos",
                        "Cosh",
                        "CumSum",
                        "Dropout",
                        "Elu",
                        "Erf",
                        "Exp",
                        "Floor",
                        "Gelu",
                        "GroupNormalization",
                        "HardSigmoid",
                        "HardSwish",
                        "Hardmax",
                        "Identity",
                        "InstanceNormalization",
                        "IsInf",
                        "IsNaN",
                        "LRN",
                        "LayerNormalization",
                        "LeakyRelu",
                        "Log",
                        "LogSoftmax",
                        "LpNormalization",
                        "MeanVarianceNormalization",
                        "Mish",
                        "Neg",
                        "Not",
                        "Reciprocal",
                        "Relu",
                        "Round",
                        "ScatterElements",
                        "ScatterND",
                        "Selu",
                        "Shrink",
                        "Sigmoid",
                        "Sign",
                        "Sin",
                        "Sinh",
                        "Softmax",
                        "Softplus",
                        "Softsign",
                        "Sqrt",
                        "Swish",
                        "Tan",
                        "Tanh",
                        "ThresholdedRelu",
                        "Trilu",
                        "QuantizeLinear",
                        "DequantizeLinear",
                        "DynamicQuantizeLinear",
                        "FastGelu",
                        "BiasGelu",
                        "QuickGelu"};
const Set kPools = {"Conv", "MaxPool", "AveragePool", "LpPool"};

Axis broadcast(const Axis& a, const Axis& b) {
  if (a.value == 1) return b;
  if (b.value == 1 || a == b) return a;
  if (!a.dynamic()) return a;
  if (!b.dynamic()) return b;
  return {};
}
Axes broadcast(const Axes& a, const Axes& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Axis one;
  one.value = 1;
  Axes result(rank);
  for (std::size_t i = 0; i < rank; ++i)
    result[i] = broadcast(i < rank - a.size() ? one : a[i - (rank - a.size())],
                          i < rank - b.size() ? one : b[i - (rank - b.size())]);
  return result;
}

Axis product(const Axes& axes, std::int64_t begin, std::int64_t end) {
  if (end - begin == 1) return axes[static_cast<std::size_t>(begin)];
  Shape shape;
  for (std::int64_t i = begin; i < end; ++i) shape.push_back(axes[static_cast<std::size_t>(i)].value);
  Axis axis;
  axis.value = element_count(shape).value_or(-1);
  return axis;
}

std::optional<Axes> matmul(const Axes& a, const Axes* b) {
  if (!b || a.size() < 2 || b->size() < 2) return std::nullopt;
  Axes result = broadcast(Axes(a.begin(), a.end() - 2), Axes(b->begin(), b->end() - 2));
  result.push_back(a[a.size() - 2]);
  result.push_back(b->back());
  return result;
}

std::optional<Axes> pooled(const NodeProto& node, const Axes& x, const ShapeInputs& inputs) {
  if (x.size() < 3) return std::nullopt;
  const std::size_t spatial = x.size() - 2;
  const Axes* weight = node.op_type() == "Conv" ? inputs.axes(1) : nullptr;
  if (node.op_type() == "Conv" && (!weight || weight->size() != x.size())) return std::nullopt;
  std::vector<std::int64_t> kernel = ints_attribute(node, "kernel_shape"), pads = ints_attribute(node, "pads");
  std::vector<std::int64_t> strides = ints_attribute(node, "strides"), dilations = ints_attribute(node, "dilations");
  if (kernel.empty() && weight)
    for (std::size_t i = 2; i < weight->size(); ++i) kernel.push_back((*weight)[i].value);
  strides.resize(spatial, 1), dilations.resize(spatial, 1), pads.resize(2 * spatial, 0);
  Axes result = x;
  if (weight) result[1] = (*weight)[0];
  const auto* auto_pad = find_attribute(node, "auto_pad");
  const bool explicit_pads = !auto_pad || auto_pad->s() == "NOTSET" || auto_pad->s().empty();
  constexpr std::int64_t kSane = std::int64_t{1} << 40;
  const auto sane = [](std::int64_t value) { return value >= 0 && value < kSane; };
  for (std::size_t i = 0; i < spatial; ++i) {
    const std::int64_t size = x[i + 2].value;
    result[i + 2] = {};
    if (kernel.size() != spatial || !explicit_pads || int_attribute(node, "ceil_mode", 0) != 0 || !sane(size) ||
        !sane(kernel[i]) || strides[i] <= 0 || dilations[i] <= 0 || dilations[i] > 4096 || !sane(pads[i]) ||
        !sane(pads[i + spatial]))
      continue;
    const std::int64_t room = size + pads[i] + pads[i + spatial] - (dilations[i] * (kernel[i] - 1) + 1);
    if (room >= 0) result[i + 2].value = room / strides[i] + 1;
  }
  return result;
}

std::optional<Axes> reshaped(const Axes* x, const ShapeInputs& inputs) {
  const auto target = inputs.integers(1);
  if (!target) return std::nullopt;
  Axes result(target->size());
  std::int64_t known = 1;
  std::optional<std::size_t> open;
  bool exact = true;
  for (std::size_t i = 0; i < target->size(); ++i) {
    const std::int64_t size = (*target)[i];
    if (size > 0)
      result[i].value = size;
    else if (size == 0 && x && i < x->size())
      result[i] = (*x)[i];
    else if (size == -1 && !open)
      open = i;
    if (result[i].value > 0 && known <= (std::int64_t{1} << 62) / result[i].value)
      known *= result[i].value;
    else if (open != i)
      exact = false;
  }
  if (open && exact && x) {
    const std::int64_t all = product(*x, 0, static_cast<std::int64_t>(x->size())).value;
    if (all >= 0 && known > 0 && all % known == 0) result[*open].value = all / known;
  }
  return result;
}

std::optional<Axes> changed_rank(const NodeProto& node, const Axes& x, const ShapeInputs& inputs) {
  const std::string& op = node.op_type();
  std::optional<std::vector<std::int64_t>> listed = ints_attribute(node, "axes");
  const bool by_input = node.input_size() > 1 && !node.input(1).empty();
  if (by_input) listed = inputs.integers(1);
  if (!listed) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(x.size() + (op == "Unsqueeze" ? listed->size() : 0));
  std::set<std::int64_t> chosen;
  for (std::int64_t axis : *listed) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || !chosen.insert(axis).second) return std::nullopt;
  }
  Axes result;
  if (op == "Unsqueeze") {
    auto next = x.begin();
    for (std::int64_t i = 0; i < rank; ++i) result.push_back(chosen.contains(i) ? Axis{.value = 1} : *next++);
    return result;
  }
  const bool keep = op != "Squeeze" && int_attribute(node, "keepdims", 1) != 0;
  const bool all = chosen.empty();
  if (all && op == "Squeeze" && std::any_of(x.begin(), x.end(), [](const Axis& axis) { return axis.dynamic(); }))
    return std::nullopt;
  for (std::int64_t i = 0; i < rank; ++i) {
    const Axis& axis = x[static_cast<std::size_t>(i)];
    const bool hit = chosen.contains(i) || (all && (op != "Squeeze" || axis.value == 1));
    if (!hit)
      result.push_back(axis);
    else if (keep)
      result.push_back(Axis{.value = 1});
  }
  return result;
}

}  // namespace

Axes fixed_axes(const Shape& shape) {
  Axes axes(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) axes[i].value = shape[i];
  return axes;
}

std::optional<Axes> output_axes(const ::onnx::NodeProto& node, const ShapeInputs& inputs) {
  const std::string& op = node.op_type();
  const Axes* x = inputs.axes(0);
  if (op == "Reshape") return reshaped(x, inputs);
  if (!x) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(x->size());
  const auto axis_at = [&](std::int64_t axis) { return axis < 0 ? axis + rank : axis; };
  const auto valid = [&](std::int64_t axis) { return axis >= 0 && axis < rank; };
  if (kSameShape.contains(op)) return *x;
  if (kBroadcast.contains(op) || op == "Where") {
    Axes result = *x;
    for (int i = 1; i < node.input_size(); ++i) {
      const Axes* other = inputs.axes(i);
      if (!other) return std::nullopt;
      result = broadcast(result, *other);
    }
    return result;
  }
  if (op == "MatMul") return matmul(*x, inputs.axes(1));
  if (op == "Gemm") {
    const Axes* b = inputs.axes(1);
    if (rank != 2 || !b || b->size() != 2) return std::nullopt;
    return Axes{(*x)[int_attribute(node, "transA", 0) != 0 ? 1 : 0],
                (*b)[int_attribute(node, "transB", 0) != 0 ? 0 : 1]};
  }
  if (kPools.contains(op)) return pooled(node, *x, inputs);
  if (op == "GlobalAveragePool" || op == "GlobalMaxPool") {
    Axes result = *x;
    for (std::size_t i = 2; i < result.size(); ++i) result[i] = Axis{.value = 1};
    return result;
  }
  if (op == "Shape") return fixed_axes({rank});
  if (op == "Transpose") {
    std::vector<std::int64_t> order = ints_attribute(node, "perm");
    if (order.empty())
      for (std::int64_t i = rank; i-- > 0;) order.push_back(i);
    Axes result;
    for (std::int64_t axis : order) {
      if (!valid(axis)) return std::nullopt;
      result.push_back((*x)[static_cast<std::size_t>(axis)]);
    }
    return result;
  }
  if (op == "Flatten") {
    const std::int64_t axis = axis_at(int_attribute(node, "axis", 1));
    if (axis < 0 || axis > rank) return std::nullopt;
    return Axes{product(*x, 0, axis), product(*x, axis, rank)};
  }
  if (op == "Concat") {
    const std::int64_t axis = axis_at(int_attribute(node, "axis", 0));
    if (!valid(axis)) return std::nullopt;
    Axes result = *x;
    for (int i = 1; i < node.input_size(); ++i) {
      const Axes* other = inputs.axes(i);
      if (!other || other->size() != x->size()) return std::nullopt;
      Axis& joined = result[static_cast<std::size_t>(axis)];
      const Axis& more = (*other)[static_cast<std::size_t>(axis)];
      if (joined.dynamic() || more.dynamic() || more.value > (std::int64_t{1} << 62) - joined.value)
        joined = {};
      else
        joined.value += more.value;
    }
    return result;
  }
  if (op == "Squeeze" || op == "Unsqueeze" || op.starts_with("Reduce")) return changed_rank(node, *x, inputs);
  if (op == "Gather") {
    const Axes* indices = inputs.axes(1);
    const std::int64_t axis = axis_at(int_attribute(node, "axis", 0));
    if (!indices || !valid(axis)) return std::nullopt;
    Axes result(x->begin(), x->begin() + axis);
    result.insert(result.end(), indices->begin(), indices->end());
    result.insert(result.end(), x->begin() + axis + 1, x->end());
    return result;
  }
  if (op == "Slice" || op == "Pad" || op == "Resize" || op == "Tile") return Axes(x->size());  // the rank alone
  return std::nullopt;
}

}  // namespace speedster::onnx_model
