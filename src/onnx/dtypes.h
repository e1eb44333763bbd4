/// ONNX element types (TensorProto.DataType) and ours.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace speedster::onnx_model {

/// Ours for an ONNX element type; nothing for strings, sub-byte types and the float8 kinds without infinity.
std::optional<DType> dtype_from_onnx(int element_type);
int dtype_to_onnx(DType dtype);
/// "float32", "string", "int4"; "type 99" where unknown.
std::string element_type_name(int element_type);
/// Bits of one stored element; 0 for strings and unknown types.
int element_bits(int element_type);
/// Bytes that a tensor of this type and shape takes in raw form; nothing for strings, negative dimensions and overflow.
std::optional<std::uint64_t> stored_bytes(int element_type, std::span<const std::int64_t> dims);

}  // namespace speedster::onnx_model
