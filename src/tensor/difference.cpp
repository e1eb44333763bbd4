#include "tensor/difference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace speedster {
namespace {

constexpr std::size_t kBlock = 2048;  // two blocks of doubles stay in the first-level cache
constexpr std::size_t kLanes = 8;     // independent sums: the compiler may not reorder one sum, so it gets eight

// OCP 8-bit floating point specification 1.0: E4M3 has no infinity and one NaN a sign; E5M2 is laid out as IEEE.
float float8_e4m3fn_to_float(std::uint8_t bits) {
  const float sign = bits & 0x80U ? -1.0F : 1.0F;
  const int exponent = (bits >> 3U) & 15, mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<float>::quiet_NaN();
  return sign * (exponent ? std::ldexp(1.0F + static_cast<float>(mantissa) / 8, exponent - 7)
                          : std::ldexp(static_cast<float>(mantissa), -9));
}
float float8_e5m2_to_float(std::uint8_t bits) { return half_to_float(static_cast<std::uint16_t>(bits << 8U)); }

// memcpy and not a cast: views into files of others may be misaligned. It compiles to a plain load.
template <typename Stored, typename Convert>
void load_as(const std::byte* from, std::size_t stride, std::size_t count, double* to, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, from + i * stride, sizeof value);
    to[i] = convert(value);
  }
}

/// `count` elements from element `first` on, as doubles; of complex numbers the real parts.
void load(const TensorView& t, std::size_t first, std::size_t count, double* to) {
  const std::size_t size = byte_size(t.dtype);
  const auto* from = static_cast<const std::byte*>(t.data) + first * size;
  const auto plain = [](auto value) { return static_cast<double>(value); };
  switch (t.dtype) {
    case DType::kBool:
      return load_as<std::uint8_t>(from, size, count, to, [](std::uint8_t v) { return v ? 1.0 : 0.0; });
    case DType::kInt8: return load_as<std::int8_t>(from, size, count, to, plain);
    case DType::kUInt8: return load_as<std::uint8_t>(from, size, count, to, plain);
    case DType::kInt16: return load_as<std::int16_t>(from, size, count, to, plain);
    case DType::kUInt16: return load_as<std::uint16_t>(from, size, count, to, plain);
    case DType::kInt32: return load_as<std::int32_t>(from, size, count, to, plain);
    case DType::kUInt32: return load_as<std::uint32_t>(from, size, count, to, plain);
    case DType::kInt64: return load_as<std::int64_t>(from, size, count, to, plain);
    case DType::kUInt64: return load_as<std::uint64_t>(from, size, count, to, plain);
    case DType::kFloat16: return load_as<std::uint16_t>(from, size, count, to, half_to_float);
    case DType::kBFloat16: return load_as<std::uint16_t>(from, size, count, to, bfloat16_to_float);
    case DType::kFloat32: return load_as<float>(from, size, count, to, plain);
    case DType::kFloat64: return load_as<double>(from, size, count, to, plain);
    case DType::kFloat8E4M3FN: return load_as<std::uint8_t>(from, size, count, to, float8_e4m3fn_to_float);
    case DType::kFloat8E5M2: return load_as<std::uint8_t>(from, size, count, to, float8_e5m2_to_float);
    case DType::kComplex64: return load_as<float>(from, size, count, to, plain);
    case DType::kComplex128: return load_as<double>(from, size, count, to, plain);
  }
}

bool complex(DType dtype) { return dtype == DType::kComplex64 || dtype == DType::kComplex128; }

bool may_be_non_finite(DType dtype) {
  return info(dtype).dl.code != kDLInt && info(dtype).dl.code != kDLUInt && dtype != DType::kBool;
}

using Lanes = std::array<double, kLanes>;

double sum(const Lanes& lanes) {
  double total = 0;
  for (double lane : lanes) total += lane;
  return total;
}
double largest(const Lanes& lanes) { return *std::max_element(lanes.begin(), lanes.end()); }

struct Sums {
  Lanes ab{}, aa{}, bb{}, dd{}, relative{};
  Lanes shifted{}, shifted_squared{};  // of a - shift: the variance without the cancellation of E[a²] - E[a]²
  Lanes max_abs{}, peak_a{}, peak_b{};
  double shift = 0;
  std::int64_t count = 0;
  bool new_non_finite = false;

  void lane(std::size_t k, double a, double b) {
    const double d = a - b, s = a - shift, abs_a = std::fabs(a), abs_b = std::fabs(b), abs_d = std::fabs(d);
    const double larger = abs_a > abs_b ? abs_a : abs_b;
    ab[k] += a * b;
    aa[k] += a * a;
    bb[k] += b * b;
    dd[k] += d * d;
    relative[k] += abs_d / (larger + 1e-5);
    shifted[k] += s;
    shifted_squared[k] += s * s;
    max_abs[k] = max_abs[k] > abs_d ? max_abs[k] : abs_d;
    peak_a[k] = peak_a[k] > abs_a ? peak_a[k] : abs_a;
    peak_b[k] = peak_b[k] > abs_b ? peak_b[k] : abs_b;
  }

  /// Finite numbers only.
  void add(const double* a, const double* b, std::size_t n) {
    if (count == 0 && n) shift = a[0];
    count += static_cast<std::int64_t>(n);
    Sums local;  // in registers, not behind `this`
    local.shift = shift;
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
      for (std::size_t k = 0; k < kLanes; ++k) local.lane(k, a[i + k], b[i + k]);
    for (std::size_t k = 0; i < n; ++i, ++k) local.lane(k, a[i], b[i]);
    for (std::size_t k = 0; k < kLanes; ++k) {
      ab[k] += local.ab[k];
      aa[k] += local.aa[k];
      bb[k] += local.bb[k];
      dd[k] += local.dd[k];
      relative[k] += local.relative[k];
      shifted[k] += local.shifted[k];
      shifted_squared[k] += local.shifted_squared[k];
      max_abs[k] = std::max(max_abs[k], local.max_abs[k]);
      peak_a[k] = std::max(peak_a[k], local.peak_a[k]);
      peak_b[k] = std::max(peak_b[k], local.peak_b[k]);
    }
  }
};

bool all_finite(const double* values, std::size_t n) {
  Lanes poison{};  // 0 * x is NaN for NaN and infinity, else 0
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t k = 0; k < kLanes; ++k) poison[k] += values[i + k] * 0.0;
  for (; i < n; ++i) poison[0] += values[i] * 0.0;
  return sum(poison) == 0;
}

/// Moves the pairs of finite numbers to the front; returns how many they are and notes pairs that do not match.
std::size_t keep_finite(double* a, double* b, std::size_t n, bool& mismatch) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isfinite(a[i]) && std::isfinite(b[i])) {
      a[kept] = a[i];
      b[kept++] = b[i];
    } else if (!(std::isnan(a[i]) && std::isnan(b[i])) && a[i] != b[i]) {
      mismatch = true;
    }
  }
  return kept;
}

Sums sums_of(const TensorView& a, const TensorView& b, double scale) {
  std::array<double, kBlock> x, y;
  Sums sums;
  const auto count = static_cast<std::size_t>(a.count());
  const bool check = may_be_non_finite(a.dtype) || may_be_non_finite(b.dtype);
  for (std::size_t first = 0; first < count; first += kBlock) {
    std::size_t n = std::min(kBlock, count - first);
    load(a, first, n, x.data());
    load(b, first, n, y.data());
    if (check && !(all_finite(x.data(), n) && all_finite(y.data(), n)))
      n = keep_finite(x.data(), y.data(), n, sums.new_non_finite);
    if (scale != 1)
      for (std::size_t i = 0; i < n; ++i) x[i] *= scale, y[i] *= scale;
    sums.add(x.data(), y.data(), n);
  }
  return sums;
}

/// A complex tensor seen as real numbers, the last axis twice as long.
TensorView as_real(const TensorView& t, Shape& shape) {
  shape.assign(t.shape.begin(), t.shape.end());
  shape.push_back(2);
  return {t.dtype == DType::kComplex64 ? DType::kFloat32 : DType::kFloat64, shape, t.data};
}

}  // namespace

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16U, exponent = (bits >> 10U) & 31U, mantissa = bits & 0x3FFU;
  const float subnormal = static_cast<float>(mantissa) * 0x1p-24F;
  const std::uint32_t magnitude = exponent == 0    ? std::bit_cast<std::uint32_t>(subnormal)
                                  : exponent == 31 ? 0x7F800000U | (mantissa << 13U)
                                                   : ((exponent + 112) << 23U) | (mantissa << 13U);
  return std::bit_cast<float>(sign | magnitude);
}

float bfloat16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  const auto with_sign = [sign](std::uint32_t half) { return static_cast<std::uint16_t>(sign | half); };
  if (magnitude > 0x7F800000U) return with_sign(0x7E00);   // NaN stays NaN
  if (magnitude >= 0x477FF000U) return with_sign(0x7C00);  // 65520 and above round to infinity
  if (magnitude < 0x38800000U)                             // below 2^-14: a multiple of 2^-24, rounded by the addition
    return with_sign(std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000U);
  const std::uint32_t rebased = magnitude - (112U << 23U);
  return with_sign((rebased + 0xFFFU + ((rebased >> 13U) & 1U)) >> 13U);
}

std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

double element(const TensorView& tensor, std::int64_t index) {
  double value = 0;
  load(tensor, static_cast<std::size_t>(index), 1, &value);
  return value;
}

Difference difference(const TensorView& a, const TensorView& b) {
  Difference result;
  if (!std::ranges::equal(a.shape, b.shape) || complex(a.dtype) != complex(b.dtype)) {
    result.same_shape = false;
    return result;
  }
  if (complex(a.dtype)) {
    Shape shape_a, shape_b;
    return difference(as_real(a, shape_a), as_real(b, shape_b));
  }

  // Squares of huge or tiny doubles leave the range of double: go over them once more, scaled by a power of two.
  double scale = 1;
  Sums sums = sums_of(a, b, scale);
  const double peak = largest(sums.peak_a), either = std::max(peak, largest(sums.peak_b));
  result.max_abs = largest(sums.max_abs);
  const double relative = sum(sums.relative);
  if (either > 0x1p+480 || (either > 0 && either < 0x1p-480)) {
    scale = std::ldexp(1.0, -std::clamp(std::ilogb(either), -1000, 1000));
    sums = sums_of(a, b, scale);
  }

  const double aa = sum(sums.aa), bb = sum(sums.bb), dd = sum(sums.dd);
  result.new_non_finite = sums.new_non_finite;
  result.count = sums.count;
  result.peak = peak;
  if (aa > 0 && bb > 0)
    result.cosine = std::clamp(sum(sums.ab) / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
  else
    result.cosine = aa == 0 && bb == 0 ? 1 : 0;
  result.relative_l2 = aa > 0 ? std::sqrt(dd / aa) : std::sqrt(bb) / scale;
  if (sums.count == 0) return result;
  const auto n = static_cast<double>(sums.count);
  const double mean = sum(sums.shifted) / n;
  result.mse = dd / n / scale / scale;
  result.variance = std::max(0.0, sum(sums.shifted_squared) / n - mean * mean) / scale / scale;
  result.mean_relative = relative / n;
  return result;
}

}  // namespace speedster
