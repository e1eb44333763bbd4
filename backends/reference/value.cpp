#include "reference/value.h"

namespace speedster::reference {

using plugin::Failure;

std::optional<DLDataType> dl_dtype(Type type) {
  static constexpr DLDataType kTable[] = {
      {},
      {kDLFloat, 32, 1},
      {kDLUInt, 8, 1},
      {kDLInt, 8, 1},
      {kDLUInt, 16, 1},
      {kDLInt, 16, 1},
      {kDLInt, 32, 1},
      {kDLInt, 64, 1},
      {kDLOpaqueHandle, 64, 1},
      {kDLBool, 8, 1},
      {kDLFloat, 16, 1},
      {kDLFloat, 64, 1},
      {kDLUInt, 32, 1},
      {kDLUInt, 64, 1},
      {kDLComplex, 64, 1},
      {kDLComplex, 128, 1},
      {kDLBfloat, 16, 1},
      {kDLFloat8_e4m3fn, 8, 1},
      {kDLFloat8_e4m3fnuz, 8, 1},
      {kDLFloat8_e5m2, 8, 1},
      {kDLFloat8_e5m2fnuz, 8, 1},
      {kDLUInt, 4, 1},
      {kDLInt, 4, 1},
      {kDLFloat4_e2m1fn, 4, 1},
  };
  const auto number = static_cast<std::int32_t>(type);
  if (number <= 0 || static_cast<std::size_t>(number) >= std::size(kTable)) return std::nullopt;
  return kTable[number];
}

std::string type_name(Type type) {
  const auto dtype = dl_dtype(type);
  return dtype ? plugin::dtype_name(*dtype) : "type " + std::to_string(static_cast<std::int32_t>(type));
}

std::vector<std::string> claimed_dtypes() {
  std::vector<std::string> names;
  for (auto type = Type::kFloat; dl_dtype(type); type = static_cast<Type>(static_cast<std::int32_t>(type) + 1)) {
    if (type != Type::kString) names.push_back(type_name(type));
  }
  return names;
}

Shape::Shape(std::span<const std::int64_t> extents) {
  for (const std::int64_t extent : extents) push_back(extent);
}

void Shape::push_back(std::int64_t extent) {
  if (rank_ == kMaxRank)
    throw Failure(SP_UNSUPPORTED, "[reference] expected a rank of at most " + std::to_string(kMaxRank) + ", got more");
  extents_[static_cast<std::size_t>(rank_++)] = extent;
}

bool fits(Type type, const Shape& shape) {
  Shape largest;
  for (const std::int64_t extent : shape.span()) largest.push_back(extent == 0 ? 1 : extent);
  const auto dtype = dl_dtype(type);
  return dtype && plugin::byte_count(*dtype, largest.span());
}

Buffer* Pool::take(std::uint64_t bytes) {
  Buffer *fitting = nullptr, *largest = nullptr;
  for (const auto& buffer : buffers_) {
    if (buffer->users != 0) continue;
    if (buffer->capacity >= bytes && (fitting == nullptr || buffer->capacity < fitting->capacity))
      fitting = buffer.get();
    if (largest == nullptr || buffer->capacity > largest->capacity) largest = buffer.get();
  }
  if (fitting == nullptr || fitting->memory == nullptr) {
    if (largest == nullptr) {
      buffers_.push_back(std::make_unique<Buffer>());
      largest = buffers_.back().get();
    }
    fitting = largest;
    fitting->memory.reset();
    fitting->capacity = 0;
    fitting->memory = plugin::allocate(bytes);
    fitting->capacity = bytes;
  }
  fitting->users = 1;
  return fitting;
}

Value::Value(Type type, const Shape& shape, Pool& pool) : type_(type), shape_(shape) {
  if (!fits(type, shape))
    throw Failure(SP_MEMORY,
                  "[reference] expected a tensor that fits in memory, got " + type_name(type) + " " + shape.text());
  buffer_ = pool.take(bytes());
  data_ = buffer_->memory.get();
}

void Value::reset() {
  if (buffer_ != nullptr) --buffer_->users;
  type_ = Type::kUndefined;
  shape_ = {};
  data_ = nullptr;
  buffer_ = nullptr;
}

std::uint64_t Value::bytes() const {
  return plugin::byte_count(dl_dtype(type_).value_or(DLDataType{}), shape_.span()).value_or(0);
}

}  // namespace speedster::reference
