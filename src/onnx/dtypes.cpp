#include "onnx/dtypes.h"

#include <onnx-ml.pb.h>

namespace speedster::onnx_model {
namespace {

using Proto = ::onnx::TensorProto;

struct Row {
  int type;
  int bits;
  const char* name;  // for types that we do not have
  std::optional<DType> dtype;
};

constexpr Row kRows[] = {
    {Proto::FLOAT, 32, "", DType::kFloat32},
    {Proto::UINT8, 8, "", DType::kUInt8},
    {Proto::INT8, 8, "", DType::kInt8},
    {Proto::UINT16, 16, "", DType::kUInt16},
    {Proto::INT16, 16, "", DType::kInt16},
    {Proto::INT32, 32, "", DType::kInt32},
    {Proto::INT64, 64, "", DType::kInt64},
    {Proto::STRING, 0, "string", std::nullopt},
    {Proto::BOOL, 8, "", DType::kBool},
    {Proto::FLOAT16, 16, "", DType::kFloat16},
    {Proto::DOUBLE, 64, "", DType::kFloat64},
    {Proto::UINT32, 32, "", DType::kUInt32},
    {Proto::UINT64, 64, "", DType::kUInt64},
    {Proto::COMPLEX64, 64, "", DType::kComplex64},
    {Proto::COMPLEX128, 128, "", DType::kComplex128},
    {Proto::BFLOAT16, 16, "", DType::kBFloat16},
    {Proto::FLOAT8E4M3FN, 8, "", DType::kFloat8E4M3FN},
    {Proto::FLOAT8E4M3FNUZ, 8, "float8_e4m3fnuz", std::nullopt},
    {Proto::FLOAT8E5M2, 8, "", DType::kFloat8E5M2},
    {Proto::FLOAT8E5M2FNUZ, 8, "float8_e5m2fnuz", std::nullopt},
    {Proto::UINT4, 4, "uint4", std::nullopt},
    {Proto::INT4, 4, "int4", std::nullopt},
    {Proto::FLOAT4E2M1, 4, "float4_e2m1", std::nullopt},
    {24, 8, "float8_e8m0", std::nullopt},  // by number: older schemas end before these
    {25, 2, "uint2", std::nullopt},
    {26, 2, "int2", std::nullopt},
};

const Row* find(int element_type) {
  for (const Row& row : kRows)
    if (row.type == element_type) return &row;
  return nullptr;
}

}  // namespace

std::optional<DType> dtype_from_onnx(int element_type) {
  const Row* row = find(element_type);
  return row ? row->dtype : std::nullopt;
}

int dtype_to_onnx(DType dtype) {
  for (const Row& row : kRows)
    if (row.dtype == dtype) return row.type;
  return Proto::UNDEFINED;
}

std::string element_type_name(int element_type) {
  const Row* row = find(element_type);
  if (!row) return "type " + std::to_string(element_type);
  return row->dtype ? std::string(name(*row->dtype)) : row->name;
}

int element_bits(int element_type) {
  const Row* row = find(element_type);
  return row ? row->bits : 0;
}

std::optional<std::uint64_t> stored_bytes(int element_type, std::span<const std::int64_t> dims) {
  const int bits = element_bits(element_type);
  const std::optional<std::int64_t> count = element_count(dims);
  if (bits == 0 || !count || *count > (std::int64_t{1} << 56)) return std::nullopt;
  if (bits >= 8) return static_cast<std::uint64_t>(*count) * static_cast<std::uint64_t>(bits / 8);
  const auto per_byte = static_cast<std::uint64_t>(8 / bits);
  return (static_cast<std::uint64_t>(*count) + per_byte - 1) / per_byte;
}

}  // namespace speedster::onnx_model
