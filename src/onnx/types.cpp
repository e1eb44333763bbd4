#include <onnx-ml.pb.h>

#include <optional>
#include <set>
#include <string_view>

#include "onnx/dtypes.h"
#include "onnx/graph.h"
#include "onnx/shapes.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::NodeProto;
using Set = std::set<std::string_view>;

constexpr std::size_t kMaxRank = 64;

// Outputs have the type of the first input unless a rule below says otherwise.
const Set kBoolean = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or",
                      "Xor",   "Not",     "IsNaN",          "IsInf"};
const Set kIndices = {"Shape", "Size", "NonZero", "ArgMax", "ArgMin", "NonMaxSuppression"};
const Set kWindows = {"HannWindow", "HammingWindow", "BlackmanWindow"};
// Operators of other domains that are known to keep the type of their first input.
const Set kKnownElsewhere = {"com.microsoft.BiasGelu", "com.microsoft.FastGelu", "com.microsoft.FusedMatMul",
                             "com.microsoft.Gelu", "com.microsoft.QuickGelu"};

class Propagation {
 public:
  explicit Propagation(const OnnxModel& model) : model_(model.clone()), graph_(model_) {}

  std::map<std::string, TensorSpec> run() {
    auto& proto = graph_.proto();
    for (const auto* list : {&proto.value_info(), &proto.output(), &proto.input()})
      for (const auto& value : *list) declare(value);
    for (const auto& tensor : proto.initializer())
      if (const auto dtype = dtype_from_onnx(tensor.data_type()))
        set(tensor.name(), *dtype, fixed_axes({tensor.dims().begin(), tensor.dims().end()}));
    const auto order = topological_order(proto);
    if (!order) return types_;
    for (int index : *order) visit(proto.node(index));
    return types_;
  }

 private:
  void declare(const ::onnx::ValueInfoProto& value) {
    const auto& tensor = value.type().tensor_type();
    const auto dtype = dtype_from_onnx(tensor.elem_type());
    if (!value.type().has_tensor_type() || !dtype || value.name().empty()) return;
    if (!tensor.has_shape()) return set(value.name(), *dtype, std::nullopt);
    Axes axes;
    for (const auto& dim : tensor.shape().dim()) {
      Axis axis;
      if (dim.has_dim_value() && dim.dim_value() >= 0)
        axis.value = dim.dim_value();
      else if (dim.has_dim_param() && dim.dim_param() != "?")
        axis.name = dim.dim_param();
      axes.push_back(std::move(axis));
    }
    set(value.name(), *dtype, std::move(axes));
  }

  void set(const std::string& name, DType dtype, std::optional<Axes> axes) {
    if (name.empty()) return;
    TensorSpec& spec = types_.try_emplace(name, TensorSpec{name, dtype, {}, true}).first->second;
    spec.dtype = dtype;
    // No graph has such ranks, and a chain of Gather nodes could double them without end.
    if (axes && axes->size() > kMaxRank) axes.reset();
    if (axes && spec.unknown_rank) spec.axes = *std::move(axes), spec.unknown_rank = false;
  }

  const TensorSpec* spec(const NodeProto& node, int input) const {
    if (input >= node.input_size()) return nullptr;
    const auto found = types_.find(node.input(input));
    return found == types_.end() ? nullptr : &found->second;
  }
  ShapeInputs inputs_of(const NodeProto& node) const {
    return {[this, &node](int input) -> const Axes* {
              const TensorSpec* found = spec(node, input);
              return found && !found->unknown_rank ? &found->axes : nullptr;
            },
            [this, &node](int input) { return integers(node, input); }};
  }
  std::optional<std::vector<std::int64_t>> integers(const NodeProto& node, int input) const {
    if (input >= node.input_size()) return std::nullopt;
    const auto constant = graph_.constant(node.input(input));
    if (!constant || constant->dtype != DType::kInt64 || element_count(constant->shape).value_or(4096) > 64)
      return std::nullopt;
    const auto values = graph_.load_constant(node.input(input));
    if (!values) return std::nullopt;
    const auto list = values->as<std::int64_t>();
    return std::vector<std::int64_t>(list.begin(), list.end());
  }

  void visit(const NodeProto& node) {
    const std::string& op = node.op_type();
    if (op == "Constant") {
      if (const auto constant = graph_.constant(node.output(0)))
        set(node.output(0), constant->dtype, fixed_axes(constant->shape));
      return;
    }
    if (find_attribute(node, "then_branch") || find_attribute(node, "body")) return;
    const std::optional<DType> dtype = output_type(node);
    if (!dtype) return;
    for (int i = 0; i < node.output_size(); ++i) {
      DType type = *dtype;
      if (i == 1 && (op == "TopK" || op == "MaxPool")) type = DType::kInt64;
      if (i == 1 && op == "Dropout") type = DType::kBool;
      if (i > 0 && op == "Unique") type = DType::kInt64;
      if (op == "DynamicQuantizeLinear" && i == 1) type = DType::kFloat32;
      set(node.output(i), type, i == 0 ? output_axes(node, inputs_of(node)) : std::nullopt);
    }
  }

  std::optional<DType> output_type(const NodeProto& node) const {
    const std::string op = operator_name(node);
    if (op.find('.') != std::string::npos && !kKnownElsewhere.contains(op)) return std::nullopt;
    const auto of = [&](int input) -> std::optional<DType> {
      const TensorSpec* found = spec(node, input);
      return found ? std::optional(found->dtype) : std::nullopt;
    };
    if (op == "Cast" || op == "RandomNormal" || op == "RandomUniform")
      return dtype_from_onnx(static_cast<int>(int_attribute(node, op == "Cast" ? "to" : "dtype", 1)));
    if (kBoolean.contains(op)) return DType::kBool;
    if (kIndices.contains(op)) return DType::kInt64;
    if (op == "Where" || op == "CastLike") return of(1);
    if (kWindows.contains(op)) return dtype_from_onnx(static_cast<int>(int_attribute(node, "output_datatype", 1)));
    if (op == "OneHot") return of(2);
    if (op == "ConstantOfShape") {
      const auto* value = find_attribute(node, "value");
      return value ? dtype_from_onnx(value->t().data_type()) : DType::kFloat32;
    }
    if (op == "QuantizeLinear") return of(2) ? of(2) : DType::kUInt8;
    if (op == "DequantizeLinear") return of(1);
    if (op == "DynamicQuantizeLinear") return DType::kUInt8;
    if (op == "MatMulInteger" || op == "ConvInteger") return DType::kInt32;
    if (op == "QLinearConv" || op == "QLinearMatMul") return of(7) ? of(7) : of(0);
    return of(0);
  }

  OnnxModel model_;
  Graph graph_;
  std::map<std::string, TensorSpec> types_;
};

}  // namespace

std::map<std::string, TensorSpec> value_types(const OnnxModel& model) { return Propagation(model).run(); }

}  // namespace speedster::onnx_model
