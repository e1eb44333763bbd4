/// Tensors inside the reference backend: element types, shapes of bounded rank, and values over pooled memory.
/// A context's values and pool belong to one thread at a time, so nothing here is atomic.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/tensor.h"

namespace speedster::reference {

/// Element types with the numbers of ONNX's TensorProto.DataType.
enum class Type : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
};

/// The DLPack form of a type; nothing for undefined and unknown numbers. Strings are kDLOpaqueHandle.
std::optional<DLDataType> dl_dtype(Type type);
/// "float32", or "type 99".
std::string type_name(Type type);
/// The names of all types that pass through the backend unharmed.
std::vector<std::string> claimed_dtypes();

inline constexpr int kMaxRank = 8;

/// Extents in place: copying a shape allocates nothing.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  /// SP_UNSUPPORTED above kMaxRank.
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  std::int64_t& operator[](int axis) { return extents_[static_cast<std::size_t>(axis)]; }
  void push_back(std::int64_t extent);
  std::span<const std::int64_t> span() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }
  /// Product of the extents in [first, last). Only for shapes of values, whose product is known to fit.
  std::int64_t product(int first, int last) const {
    std::int64_t product = 1;
    for (int axis = first; axis < last; ++axis) product *= (*this)[axis];
    return product;
  }
  std::int64_t count() const { return product(0, rank_); }
  bool operator==(const Shape& other) const { return std::ranges::equal(span(), other.span()); }
  std::string text() const { return plugin::shape_text(span()); }

 private:
  int rank_ = 0;
  std::array<std::int64_t, kMaxRank> extents_{};
};

/// Whether a value may have this shape. An extent of 0 excuses no other: no product of extents may overflow.
bool fits(Type type, const Shape& shape);

/// Memory that is used again by later nodes and later executions.
struct Buffer {
  std::shared_ptr<void> memory;
  std::uint64_t capacity = 0;
  int users = 0;
};

/// Hands out buffers, the best-fitting free one first: once the shapes repeat it allocates nothing, and it never holds
/// more buffers than were in use at once.
class Pool {
 public:
  Buffer* take(std::uint64_t bytes);

 private:
  std::vector<std::unique_ptr<Buffer>> buffers_;
};

/// A tensor: its memory is a pool's buffer, or someone else's (`buffer` NULL: an initializer, a caller's input).
class Value {
 public:
  Value() = default;
  Value(Type type, const Shape& shape, void* data) : type_(type), shape_(shape), data_(data) {}
  Value(Type type, const Shape& shape, Pool& pool);
  Value(const Value& other) : Value(other.type_, other.shape_, other.data_) { share(other); }
  Value(Value&& other) noexcept { swap(other); }
  Value& operator=(Value other) noexcept {
    swap(other);
    return *this;
  }
  ~Value() { reset(); }

  bool present() const { return type_ != Type::kUndefined; }
  void reset();
  Type type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::int64_t count() const { return shape_.count(); }
  std::uint64_t bytes() const;
  void* data() const { return data_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  Buffer* buffer() const { return buffer_; }
  /// The same memory under another shape of as many elements.
  Value reshaped(const Shape& shape) const {
    Value view(*this);
    view.shape_ = shape;
    return view;
  }

 private:
  void share(const Value& other) {
    buffer_ = other.buffer_;
    if (buffer_ != nullptr) ++buffer_->users;
  }
  void swap(Value& other) noexcept {
    std::swap(type_, other.type_);
    std::swap(shape_, other.shape_);
    std::swap(data_, other.data_);
    std::swap(buffer_, other.buffer_);
  }

  Type type_ = Type::kUndefined;
  Shape shape_;
  void* data_ = nullptr;
  Buffer* buffer_ = nullptr;
};

}  // namespace speedster::reference
