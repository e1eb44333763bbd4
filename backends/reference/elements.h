/// Elements as C++ types: 16-bit floats that convert exactly, and the switch from a run-time type to a template
/// argument.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "reference/value.h"

namespace speedster::reference {

/// Rounds to the nearest value with `mantissa` bits after the point and exponents in [low, high], ties to even; beyond
/// the largest it is infinity. Exact in double, so no value is rounded twice.
inline double round_to(double value, int mantissa, int low, int high) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int exponent = std::max(std::ilogb(value), low);
  const double unit = std::ldexp(1.0, exponent - mantissa);
  const double rounded = std::nearbyint(value / unit) * unit;
  return std::fabs(rounded) >= std::ldexp(1.0, high + 1) ? std::copysign(std::numeric_limits<double>::infinity(), value)
                                                         : rounded;
}

/// bfloat16: the upper half of a float.
struct BFloat16 {
  std::uint16_t bits = 0;
  static double round(double value) { return round_to(value, 7, -126, 127); }
  double get() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }
  void set(double value) {
    const auto wide = std::bit_cast<std::uint32_t>(static_cast<float>(round(value)));
    bits = static_cast<std::uint16_t>((wide >> 16U) | (std::isnan(value) ? 0x40U : 0U));  // a NaN stays one
  }
};

/// IEEE 754 binary16.
struct Float16 {
  std::uint16_t bits = 0;
  static double round(double value) { return round_to(value, 10, -14, 15); }
  double get() const {
    const int exponent = (bits >> 10U) & 31, mantissa = bits & 1023;
    const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
    if (exponent == 31)
      return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
    return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
  }
  void set(double value) {
    const unsigned sign = std::signbit(value) ? 0x8000U : 0U;
    const double magnitude = std::fabs(round(value));
    unsigned pattern = 0;
    if (std::isnan(value)) {
      pattern = 0x7E00U;
    } else if (std::isinf(magnitude)) {
      pattern = 0x7C00U;
    } else if (magnitude >= 0x1p-14) {
      const int exponent = std::ilogb(magnitude);
      pattern =
          static_cast<unsigned>((exponent + 14) << 10) + static_cast<unsigned>(std::ldexp(magnitude, 10 - exponent));
    } else {
      pattern = static_cast<unsigned>(std::ldexp(magnitude, 24));
    }
    bits = static_cast<std::uint16_t>(sign | pattern);
  }
};

/// A byte that is a truth value; any byte but 0 is true.
struct Bool {
  std::uint8_t byte = 0;
};

template <typename T>
inline constexpr bool kIsFloat =
    std::is_floating_point_v<T> || std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

/// What elements of T are computed in: double, or a 64-bit integer (which wraps as T does when it is stored).
template <typename T>
using Compute =
    std::conditional_t<kIsFloat<T>, double, std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

template <typename T>
Compute<T> load(const T& element) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
    return element.get();
  else if constexpr (std::is_same_v<T, Bool>)
    return element.byte != 0;
  else
    return element;
}
template <typename T>
void store(T& element, Compute<T> value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
    element.set(value);
  else if constexpr (std::is_same_v<T, Bool>)
    element.byte = value != 0;
  else
    element = static_cast<T>(value);
}

/// Sums, differences and products of computed elements; integers wrap instead of overflowing.
template <typename C>
C add(C a, C b) {
  if constexpr (std::is_same_v<C, double>)
    return a + b;
  else
    return static_cast<C>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
template <typename C>
C subtract(C a, C b) {
  if constexpr (std::is_same_v<C, double>)
    return a - b;
  else
    return static_cast<C>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
template <typename C>
C multiply(C a, C b) {
  if constexpr (std::is_same_v<C, double>)
    return a * b;
  else
    return static_cast<C>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

/// Calls f.template operator()<T>() for the C++ type of `type`, and returns true; false where it has none here.
template <typename F>
bool visit_float(Type type, F&& f) {
  switch (type) {
    case Type::kFloat: f.template operator()<float>(); return true;
    case Type::kDouble: f.template operator()<double>(); return true;
    case Type::kFloat16: f.template operator()<Float16>(); return true;
    case Type::kBFloat16: f.template operator()<BFloat16>(); return true;
    default: return false;
  }
}
template <typename F>
bool visit_integer(Type type, F&& f) {
  switch (type) {
    case Type::kInt8: f.template operator()<std::int8_t>(); return true;
    case Type::kInt16: f.template operator()<std::int16_t>(); return true;
    case Type::kInt32: f.template operator()<std::int32_t>(); return true;
    case Type::kInt64: f.template operator()<std::int64_t>(); return true;
    case Type::kUInt8: f.template operator()<std::uint8_t>(); return true;
    case Type::kUInt16: f.template operator()<std::uint16_t>(); return true;
    case Type::kUInt32: f.template operator()<std::uint32_t>(); return true;
    case Type::kUInt64: f.template operator()<std::uint64_t>(); return true;
    default: return false;
  }
}
/// Floats and integers.
template <typename F>
bool visit_number(Type type, F&& f) {
  return visit_float(type, f) || visit_integer(type, f);
}
/// Floats, integers and truth values.
template <typename F>
bool visit_any(Type type, F&& f) {
  if (type != Type::kBool) return visit_number(type, f);
  f.template operator()<Bool>();
  return true;
}

template <typename T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, float>)
    return Type::kFloat;
  else if constexpr (std::is_same_v<T, double>)
    return Type::kDouble;
  else if constexpr (std::is_same_v<T, Float16>)
    return Type::kFloat16;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return Type::kBFloat16;
  else if constexpr (std::is_same_v<T, Bool>)
    return Type::kBool;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return Type::kInt8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return Type::kUInt8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return Type::kInt16;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return Type::kUInt16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return Type::kInt32;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return Type::kUInt32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return Type::kInt64;
  else {
    static_assert(std::is_same_v<T, std::uint64_t>, "no element type");
    return Type::kUInt64;
  }
}

/// Bytes of one element; 0 for types below a byte, which only move whole.
inline std::size_t element_bytes(Type type) { return dl_dtype(type).value_or(DLDataType{}).bits / 8U; }

}  // namespace speedster::reference
