#include <onnx-ml.pb.h>

#include <set>

#include "onnx/dtypes.h"
#include "onnx/model.h"

namespace speedster::onnx_model {
namespace {

// The bounds of model/signature.h's JSON form, and of sane graphs.
constexpr int kMaxTensors = 1024;
constexpr int kMaxRank = 32;

std::string kind_of(const ::onnx::TypeProto& type) {
  switch (type.value_case()) {
    case ::onnx::TypeProto::kSequenceType: return "a sequence";
    case ::onnx::TypeProto::kMapType: return "a map";
    case ::onnx::TypeProto::kOptionalType: return "an optional";
    case ::onnx::TypeProto::kSparseTensorType: return "a sparse tensor";
    case ::onnx::TypeProto::kOpaqueType: return "an opaque type";
    default: return "no type";
  }
}

Result<TensorSpec> spec_of(const ::onnx::ValueInfoProto& value, const std::string& role) {
  TensorSpec spec;
  spec.name = value.name();
  const auto refuse = [&](const std::string& what) {
    return Error(ErrorKind::kBadInput,
                 "[onnx] expected " + role + " '" + value.name() + "' to be a tensor of numbers, got " + what);
  };
  if (spec.name.empty() || spec.name.find('\0') != std::string::npos) return refuse("an empty or broken name");
  if (!value.type().has_tensor_type()) return refuse(kind_of(value.type()));
  const auto& tensor = value.type().tensor_type();
  const std::optional<DType> dtype = dtype_from_onnx(tensor.elem_type());
  if (!dtype)
    return refuse(tensor.elem_type() == ::onnx::TensorProto::UNDEFINED ? "no element type"
                                                                       : element_type_name(tensor.elem_type()));
  spec.dtype = *dtype;
  spec.unknown_rank = !tensor.has_shape();
  if (tensor.shape().dim_size() > kMaxRank) return refuse("rank " + std::to_string(tensor.shape().dim_size()));
  for (const auto& dim : tensor.shape().dim()) {
    Axis axis;
    // Exporters write -1 and "?" for axes that they know nothing of; two such axes are not the same axis.
    if (dim.has_dim_value() && dim.dim_value() >= 0)
      axis.value = dim.dim_value();
    else if (dim.has_dim_param() && dim.dim_param() != "?")
      axis.name = dim.dim_param();
    spec.axes.push_back(std::move(axis));
  }
  return spec;
}

}  // namespace

Result<Signature> OnnxModel::signature() const {
  const auto& graph = proto().graph();
  std::set<std::string_view> constants;
  for (const auto& tensor : graph.initializer()) constants.insert(tensor.name());
  Signature signature;
  for (const auto& input : graph.input()) {
    if (constants.contains(input.name())) continue;
    SPEEDSTER_ASSIGN(TensorSpec spec, spec_of(input, "input"));
    signature.inputs.push_back(std::move(spec));
  }
  for (const auto& output : graph.output()) {
    SPEEDSTER_ASSIGN(TensorSpec spec, spec_of(output, "output"));
    signature.outputs.push_back(std::move(spec));
  }
  if (signature.outputs.empty()) return Error(ErrorKind::kBadInput, "[onnx] expected a model with outputs, got none");
  if (signature.inputs.size() > kMaxTensors || signature.outputs.size() > kMaxTensors)
    return Error(ErrorKind::kBadInput, "[onnx] expected at most 1024 inputs and outputs, got " +
                                           std::to_string(signature.inputs.size()) + " and " +
                                           std::to_string(signature.outputs.size()));
  return signature;
}

}  // namespace speedster::onnx_model
