/// Tensors as values: dtype, shape, an owning Tensor and a TensorView that looks at someone's memory.
/// Contiguous, row-major, host memory; 64-byte aligned where we allocate.
#pragma once

#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace speedster {

/// Element types that cross an interface. The names are numpy's (`name()`), plus bfloat16 and the float8 kinds.
enum class DType : std::uint8_t {
  kBool,
  kInt8,
  kUInt8,
  kInt16,
  kUInt16,
  kInt32,
  kUInt32,
  kInt64,
  kUInt64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kFloat8E4M3FN,
  kFloat8E5M2,
  kComplex64,
  kComplex128,
};
inline constexpr int kDTypeCount = 17;

struct DTypeInfo {
  DType dtype;
  std::string_view name;         ///< "float32"
  std::string_view safetensors;  ///< "F32"; empty where the format has none
  std::string_view numpy;        ///< "<f4"; empty where numpy has none
  std::uint8_t bytes;
  DLDataType dl;
};

/// The table behind every dtype conversion, indexed by DType.
inline constexpr DTypeInfo kDTypes[kDTypeCount] = {
    {DType::kBool, "bool", "BOOL", "|b1", 1, {kDLBool, 8, 1}},
    {DType::kInt8, "int8", "I8", "|i1", 1, {kDLInt, 8, 1}},
    {DType::kUInt8, "uint8", "U8", "|u1", 1, {kDLUInt, 8, 1}},
    {DType::kInt16, "int16", "I16", "<i2", 2, {kDLInt, 16, 1}},
    {DType::kUInt16, "uint16", "U16", "<u2", 2, {kDLUInt, 16, 1}},
    {DType::kInt32, "int32", "I32", "<i4", 4, {kDLInt, 32, 1}},
    {DType::kUInt32, "uint32", "U32", "<u4", 4, {kDLUInt, 32, 1}},
    {DType::kInt64, "int64", "I64", "<i8", 8, {kDLInt, 64, 1}},
    {DType::kUInt64, "uint64", "U64", "<u8", 8, {kDLUInt, 64, 1}},
    {DType::kFloat16, "float16", "F16", "<f2", 2, {kDLFloat, 16, 1}},
    {DType::kBFloat16, "bfloat16", "BF16", "", 2, {kDLBfloat, 16, 1}},
    {DType::kFloat32, "float32", "F32", "<f4", 4, {kDLFloat, 32, 1}},
    {DType::kFloat64, "float64", "F64", "<f8", 8, {kDLFloat, 64, 1}},
    {DType::kFloat8E4M3FN, "float8_e4m3fn", "F8_E4M3", "", 1, {kDLFloat8_e4m3fn, 8, 1}},
    {DType::kFloat8E5M2, "float8_e5m2", "F8_E5M2", "", 1, {kDLFloat8_e5m2, 8, 1}},
    {DType::kComplex64, "complex64", "", "<c8", 8, {kDLComplex, 64, 1}},
    {DType::kComplex128, "complex128", "", "<c16", 16, {kDLComplex, 128, 1}},
};

constexpr const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }
constexpr std::string_view name(DType dtype) { return info(dtype).name; }
constexpr std::size_t byte_size(DType dtype) { return info(dtype).bytes; }

/// The dtype with this name ("float32"), or nothing.
constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeInfo& row : kDTypes)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}
constexpr std::optional<DType> dtype_from_dl(DLDataType dl) {
  for (const DTypeInfo& row : kDTypes)
    if (row.dl.code == dl.code && row.dl.bits == dl.bits && dl.lanes == 1) return row.dtype;
  return std::nullopt;
}

using Shape = std::vector<std::int64_t>;

/// Elements of a shape; 1 for rank 0; nothing for a negative dimension or an overflow of 2^62.
inline std::optional<std::int64_t> element_count(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  bool zero = false;
  for (std::int64_t d : shape) {
    if (d < 0) return std::nullopt;
    if (d == 0) {
      zero = true;
      continue;
    }
    if (count > (std::int64_t{1} << 62) / d) return std::nullopt;
    count *= d;
  }
  return zero ? 0 : count;
}

/// "1x3x48x320"; "scalar" for rank 0.
inline std::string to_string(std::span<const std::int64_t> shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (std::int64_t d : shape) {
    if (!text.empty()) text += 'x';
    text += d < 0 ? "?" : std::to_string(d);
  }
  return text;
}

/// Looks at memory that someone else owns. Cheap to copy.
struct TensorView {
  DType dtype = DType::kFloat32;
  std::span<const std::int64_t> shape;
  void* data = nullptr;

  std::int64_t count() const { return element_count(shape).value_or(0); }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * byte_size(dtype); }
  template <typename T>
  std::span<T> as() const {
    return {static_cast<T*>(data), static_cast<std::size_t>(count())};
  }
};

/// Owns aligned memory. Movable; `clone()` copies.
class Tensor {
 public:
  static constexpr std::size_t kAlignment = 64;

  Tensor() = default;
  /// Uninitialised memory for `shape`, which must have a valid element count; throws std::bad_alloc.
  Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
    const auto count = element_count(shape_);
    if (!count || static_cast<std::uint64_t>(*count) > std::numeric_limits<std::size_t>::max() / 2 / byte_size(dtype_))
      throw std::bad_alloc();
    bytes_ = static_cast<std::size_t>(*count) * byte_size(dtype_);
    const std::size_t rounded = (bytes_ + kAlignment - 1) / kAlignment * kAlignment;
    data_.reset(std::aligned_alloc(kAlignment, rounded ? rounded : kAlignment));
    if (!data_) throw std::bad_alloc();
  }
  template <typename T>
  static Tensor from(DType dtype, Shape shape, std::span<const T> values) {
    Tensor t(dtype, std::move(shape));
    if (values.size_bytes() != t.bytes_) throw std::bad_alloc();
    if (t.bytes_) std::memcpy(t.data(), values.data(), t.bytes_);
    return t;
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::size_t bytes() const { return bytes_; }
  std::int64_t count() const { return static_cast<std::int64_t>(bytes_ / byte_size(dtype_)); }
  void* data() { return data_.get(); }
  const void* data() const { return data_.get(); }
  template <typename T>
  std::span<T> as() {
    return {static_cast<T*>(data_.get()), bytes_ / sizeof(T)};
  }
  template <typename T>
  std::span<const T> as() const {
    return {static_cast<const T*>(data_.get()), bytes_ / sizeof(T)};
  }
  TensorView view() const { return {dtype_, shape_, data_.get()}; }
  Tensor clone() const {
    Tensor t(dtype_, shape_);
    if (bytes_) std::memcpy(t.data(), data(), bytes_);
    return t;
  }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  DType dtype_ = DType::kFloat32;
  Shape shape_;
  std::size_t bytes_ = 0;
  std::unique_ptr<void, Free> data_;
};

/// A tensor with the name it has in a model's signature.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

}  // namespace speedster
