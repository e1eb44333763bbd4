#include "onnxruntime/api.h"

#include <array>
#include <string_view>
#include <utility>

#include "support/tensor.h"

namespace speedster::onnxruntime {

namespace {

// The header's version 17 ends here; newer libraries use these numbers for these types.
constexpr auto kUInt4 = static_cast<ONNXTensorElementDataType>(21);
constexpr auto kInt4 = static_cast<ONNXTensorElementDataType>(22);

struct Element {
  ONNXTensorElementDataType element;
  DLDataType dtype;
};

constexpr std::array kElements = {
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, plugin::make_dtype(kDLFloat, 32)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, plugin::make_dtype(kDLFloat, 64)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, plugin::make_dtype(kDLFloat, 16)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, plugin::make_dtype(kDLBfloat, 16)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, plugin::make_dtype(kDLInt, 8)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, plugin::make_dtype(kDLInt, 16)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, plugin::make_dtype(kDLInt, 32)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, plugin::make_dtype(kDLInt, 64)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, plugin::make_dtype(kDLUInt, 8)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, plugin::make_dtype(kDLUInt, 16)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, plugin::make_dtype(kDLUInt, 32)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, plugin::make_dtype(kDLUInt, 64)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, plugin::make_dtype(kDLBool, 8)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FN, plugin::make_dtype(kDLFloat8_e4m3fn, 8)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FNUZ, plugin::make_dtype(kDLFloat8_e4m3fnuz, 8)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2, plugin::make_dtype(kDLFloat8_e5m2, 8)},
    Element{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2FNUZ, plugin::make_dtype(kDLFloat8_e5m2fnuz, 8)},
    Element{kUInt4, plugin::make_dtype(kDLUInt, 4)},
    Element{kInt4, plugin::make_dtype(kDLInt, 4)},
};

std::int32_t kind_of(OrtErrorCode code, std::string_view message) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (says("bad_alloc") || says("Failed to allocate memory")) return SP_MEMORY;
  // Operators without a kernel or a definition come as a general failure.
  if (says("invalid model") || says("Initializer '")) return SP_INVALID;
  if (says("is not a registered function/op") || says("Could not find an implementation") || says("not supported yet"))
    return SP_UNSUPPORTED;
  switch (code) {
    case ORT_NO_SUCHFILE: return SP_NOT_FOUND;
    case ORT_NOT_IMPLEMENTED: return SP_UNSUPPORTED;
    case ORT_INVALID_ARGUMENT:
    case ORT_INVALID_PROTOBUF:
    case ORT_INVALID_GRAPH:
    case ORT_NO_MODEL: return SP_INVALID;
    default: return SP_VENDOR;
  }
}

}  // namespace

Api::Api(const std::string& library) : library_(library, kWho) {
  const OrtApiBase*(ORT_API_CALL * get_base)() = nullptr;
  library_.find(get_base, "OrtGetApiBase");
  const OrtApiBase* base = get_base();
  version_ = base->GetVersionString();
  // Appended to only, never changed: any library of 1.17 or later answers for 17.
  api_ = base->GetApi(ORT_API_VERSION);
  if (api_ == nullptr)
    throw plugin::Failure(SP_UNSUPPORTED, "[onnxruntime] expected ONNX Runtime 1.17 or newer, got " + version_ +
                                              " at " + library + "; try speedster toolchain install onnxruntime");
}

void Api::fail(OrtStatus* status, std::string_view what, std::string_view name) const {
  const OrtErrorCode code = api_->GetErrorCode(status);
  const std::string message = api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  std::string expected(what);
  if (!name.empty()) expected += " '" + std::string(name) + "'";
  throw plugin::Failure(kind_of(code, message), "[onnxruntime] expected " + expected + ", got: " + message, code);
}

std::optional<DLDataType> to_dtype(ONNXTensorElementDataType type) {
  for (const Element& row : kElements)
    if (row.element == type) return row.dtype;
  return std::nullopt;
}

ONNXTensorElementDataType to_element(DLDataType dtype) {
  for (const Element& row : kElements)
    if (plugin::same_dtype(row.dtype, dtype)) return row.element;
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

}  // namespace speedster::onnxruntime
