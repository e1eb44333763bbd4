/// DLPack tensors at the edge of a plug-in: dtypes and sizes, what may be bound, signatures, tensors handed out.
#pragma once
#include <speedster/backend.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.h"

namespace speedster::plugin {

/// Alignment of the memory that plug-ins allocate.
inline constexpr std::size_t kAlignment = 64;

constexpr DLDataType make_dtype(DLDataTypeCode code, int bits) {
  return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(bits), 1};
}
constexpr bool same_dtype(DLDataType a, DLDataType b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

struct DtypeName {
  std::string_view name;
  DLDataType dtype;
};
/// The names used in `describe` and in messages.
inline constexpr DtypeName kDtypeNames[] = {
    {"float32", make_dtype(kDLFloat, 32)},
    {"float64", make_dtype(kDLFloat, 64)},
    {"float16", make_dtype(kDLFloat, 16)},
    {"bfloat16", make_dtype(kDLBfloat, 16)},
    {"int8", make_dtype(kDLInt, 8)},
    {"int16", make_dtype(kDLInt, 16)},
    {"int32", make_dtype(kDLInt, 32)},
    {"int64", make_dtype(kDLInt, 64)},
    {"uint8", make_dtype(kDLUInt, 8)},
    {"uint16", make_dtype(kDLUInt, 16)},
    {"uint32", make_dtype(kDLUInt, 32)},
    {"uint64", make_dtype(kDLUInt, 64)},
    {"bool", make_dtype(kDLBool, 8)},
    {"complex64", make_dtype(kDLComplex, 64)},
    {"complex128", make_dtype(kDLComplex, 128)},
    {"int4", make_dtype(kDLInt, 4)},
    {"uint4", make_dtype(kDLUInt, 4)},
    {"float8_e4m3fn", make_dtype(kDLFloat8_e4m3fn, 8)},
    {"float8_e4m3fnuz", make_dtype(kDLFloat8_e4m3fnuz, 8)},
    {"float8_e5m2", make_dtype(kDLFloat8_e5m2, 8)},
    {"float8_e5m2fnuz", make_dtype(kDLFloat8_e5m2fnuz, 8)},
    {"float4_e2m1fn", make_dtype(kDLFloat4_e2m1fn, 4)},
    {"string", make_dtype(kDLOpaqueHandle, 64)},
};

inline std::string dtype_name(DLDataType dtype) {
  for (const auto& known : kDtypeNames) {
    if (same_dtype(known.dtype, dtype)) return std::string(known.name);
  }
  return "dtype(code " + std::to_string(dtype.code) + ", bits " + std::to_string(dtype.bits) + ", lanes " +
         std::to_string(dtype.lanes) + ")";
}
inline std::optional<DLDataType> parse_dtype(std::string_view name) {
  for (const auto& known : kDtypeNames) {
    if (known.name == name) return known.dtype;
  }
  return std::nullopt;
}

/// Product of the extents; nothing where one is negative or the product does not fit.
inline std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    empty |= extent == 0;
  }
  if (empty) return 0;
  for (const std::int64_t extent : shape) {
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(extent), &count)) return std::nullopt;
  }
  return count;
}
/// Bytes of a contiguous tensor; types below a byte are packed. Nothing where the size does not fit.
inline std::optional<std::uint64_t> byte_count(DLDataType dtype, std::span<const std::int64_t> shape) {
  const auto count = element_count(shape);
  std::uint64_t bits = 0;
  if (!count || __builtin_mul_overflow(*count, std::uint64_t{dtype.bits} * dtype.lanes, &bits)) return std::nullopt;
  if (bits > std::numeric_limits<std::int64_t>::max() - 7U) return std::nullopt;
  return (bits + 7) / 8;
}

/// "2x3x?" for messages; "scalar" for rank 0.
inline std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text;
  for (const std::int64_t extent : shape)
    text += (text.empty() ? "" : "x") + (extent < 0 ? "?" : std::to_string(extent));
  return text.empty() ? "scalar" : text;
}
inline std::span<const std::int64_t> shape_of(const DLTensor& tensor) {
  return {tensor.shape, static_cast<std::size_t>(tensor.ndim)};
}

/// The first element.
inline void* data_of(const DLTensor& tensor) {
  return tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
}

/// Row-major strides in elements, as every tensor at this edge has them.
inline std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * (shape[i] > 0 ? shape[i] : 1);
  return strides;
}

/// SP_SHAPE where a shape does not fit the declared one: rank, fixed extents, bounds of dynamic axes, negative extents.
inline void check_shape(const char* who, const sp_tensor_info& info, std::span<const std::int64_t> shape) {
  const auto fail = [&](const std::string& expected) {
    throw Failure(SP_SHAPE, std::string("[") + who + "] expected " + expected + " for '" + info.name + "', got " +
                                shape_text(shape));
  };
  if (info.rank >= 0 && static_cast<std::size_t>(info.rank) != shape.size()) fail("rank " + std::to_string(info.rank));
  if (!byte_count(info.dtype, shape)) fail("extents of at least 0 whose product fits in memory");
  for (std::size_t axis = 0; info.rank >= 0 && axis < shape.size(); ++axis) {
    if (info.shape[axis] >= 0 && info.shape[axis] != shape[axis])
      fail("shape " + shape_text({info.shape, static_cast<std::size_t>(info.rank)}));
    if (info.shape[axis] < 0 && info.min != nullptr && info.max != nullptr &&
        (shape[axis] < info.min[axis] || shape[axis] > info.max[axis]))
      fail("axis " + std::to_string(axis) + " from " + std::to_string(info.min[axis]) + " to " +
           std::to_string(info.max[axis]));
  }
}

/// A tensor that the caller wants to bind: host memory, the declared dtype (SP_INVALID), contiguous, data where it has
/// elements, and for inputs the declared shape (SP_SHAPE).
inline void check_binding(const char* who, const sp_tensor_info& info, const DLTensor& tensor, bool is_input) {
  const auto fail = [&](std::int32_t code, const std::string& expected, const std::string& got) {
    throw Failure(code, std::string("[") + who + "] expected " + expected + " for '" + info.name + "', got " + got);
  };
  if (tensor.device.device_type != kDLCPU && tensor.device.device_type != kDLCUDAHost)
    fail(SP_INVALID, "host memory", "device type " + std::to_string(tensor.device.device_type));
  if (!same_dtype(tensor.dtype, info.dtype)) fail(SP_INVALID, dtype_name(info.dtype), dtype_name(tensor.dtype));
  if (tensor.ndim < 0 || tensor.ndim > 64) fail(SP_SHAPE, "a rank from 0 to 64", std::to_string(tensor.ndim));
  if (tensor.ndim > 0 && tensor.shape == nullptr) fail(SP_INVALID, "a shape", "NULL");
  const auto shape = shape_of(tensor);
  if (is_input) check_shape(who, info, shape);
  const auto count = element_count(shape);
  if (!is_input) return;  // an output's shape is a hint, its size is checked against the capacity when it is known
  if (*count > 0 && tensor.data == nullptr) fail(SP_INVALID, "data", "NULL");
  if (tensor.strides != nullptr && *count > 1) {
    const auto strides = contiguous_strides(shape);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] != 1 && tensor.strides[axis] != strides[axis])
        fail(SP_INVALID, "a contiguous tensor", "other strides");
    }
  }
}

/// One input or output as a plug-in learns it from its vendor.
struct TensorSpec {
  std::string name;
  DLDataType dtype = make_dtype(kDLFloat, 32);
  bool ranked = true;               ///< false: rank and shape unknown
  std::vector<std::int64_t> shape;  ///< -1 dynamic
  std::vector<std::string> axes;    ///< symbolic names ("" where none), or empty
  std::vector<std::int64_t> min, opt, max;
  bool optional = false;
  std::int32_t alias_input = -1;
};

/// Owns an sp_signature and all that it points to.
class SignatureStorage {
 public:
  SignatureStorage(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs) {
    for (const auto& spec : inputs) input_pointers_.push_back(add(spec));
    for (const auto& spec : outputs) output_pointers_.push_back(add(spec));
    signature_ = {sizeof(sp_signature), static_cast<std::uint32_t>(input_pointers_.size()),
                  static_cast<std::uint32_t>(output_pointers_.size()), input_pointers_.data(), output_pointers_.data()};
  }
  SignatureStorage(const SignatureStorage&) = delete;
  SignatureStorage& operator=(const SignatureStorage&) = delete;
  const sp_signature* get() const { return &signature_; }

 private:
  struct Item {
    TensorSpec spec;
    std::vector<const char*> axes;
    sp_tensor_info info;
  };
  const sp_tensor_info* add(const TensorSpec& spec) {
    Item& item = items_.emplace_back(Item{spec, {}, {}});
    for (const auto& axis : item.spec.axes) item.axes.push_back(axis.empty() ? nullptr : axis.c_str());
    const auto bounds = [](const std::vector<std::int64_t>& values) {
      return values.empty() ? nullptr : values.data();
    };
    item.info = {sizeof(sp_tensor_info),
                 item.spec.name.c_str(),
                 item.spec.dtype,
                 {kDLCPU, 0},
                 item.spec.ranked ? static_cast<std::int32_t>(item.spec.shape.size()) : -1,
                 item.spec.shape.data(),
                 bounds(item.spec.min),
                 bounds(item.spec.opt),
                 bounds(item.spec.max),
                 item.axes.empty() ? nullptr : item.axes.data(),
                 item.spec.optional ? 1U : 0U,
                 item.spec.alias_input};
    return &item.info;
  }
  std::deque<Item> items_;  // addresses stay
  std::vector<const sp_tensor_info*> input_pointers_, output_pointers_;
  sp_signature signature_{};
};

/// Aligned memory for `bytes` (at least one). Throws std::bad_alloc.
inline std::shared_ptr<void> allocate(std::uint64_t bytes) {
  const std::uint64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded < bytes) throw std::bad_alloc();
  void* memory = std::aligned_alloc(kAlignment, rounded == 0 ? kAlignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return {memory, std::free};
}

/// A tensor that keeps `owner` alive until its receiver calls the deleter: what take_output hands out.
inline DLManagedTensorVersioned* make_managed(std::shared_ptr<void> owner, void* data, DLDataType dtype,
                                              std::span<const std::int64_t> shape) {
  struct Managed {
    DLManagedTensorVersioned tensor;
    std::shared_ptr<void> owner;
    std::vector<std::int64_t> shape, strides;
  };
  auto managed = std::make_unique<Managed>();
  managed->owner = std::move(owner);
  managed->shape.assign(shape.begin(), shape.end());
  managed->strides = contiguous_strides(shape);
  DLManagedTensorVersioned& out = managed->tensor;
  out = {};
  out.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  out.manager_ctx = managed.get();
  out.deleter = [](DLManagedTensorVersioned* self) { delete static_cast<Managed*>(self->manager_ctx); };
  out.dl_tensor = {data,  {kDLCPU, 0},           static_cast<std::int32_t>(shape.size()),
                   dtype, managed->shape.data(), managed->strides.data(),
                   0};
  return &managed.release()->tensor;
}

}  // namespace speedster::plugin
