#include "tensor/difference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace speedster {
namespace {

constexpr std::size_t kBlock = 2048;  // two blocks of doubles stay in the first-level cache

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

// The compiler may not reorder a sum of doubles, so the lanes are written out (a vector extension of GCC and Clang).
using Pair = double __attribute__((vector_size(16)));

Pair load_pair(const double* from) {
  Pair pair;
  std::memcpy(&pair, from, sizeof pair);
  return pair;
}
double sum(Pair x) { return x[0] + x[1]; }
double peak(Pair x) { return x[0] > x[1] ? x[0] : x[1]; }
template <typename T>
T larger(T x, T y) {
  return x > y ? x : y;
}
template <typename T>
T magnitude(T x) {
  return x < 0 ? -x : x;
}

/// Runs step(a, b, totals) over the elements, pairs of them at a time. Of the totals the first `kSums` add up and the
/// others are maxima. A few at a time, so that they stay in registers.
template <std::size_t kSums, std::size_t kMaxima, typename Step>
std::array<double, kSums + kMaxima> reduce(const double* a, const double* b, std::size_t n, Step step) {
  constexpr std::size_t kTotals = kSums + kMaxima;
  Pair even[kTotals] = {}, odd[kTotals] = {};
  double rest[kTotals] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    step(load_pair(a + i), load_pair(b + i), even);
    step(load_pair(a + i + 2), load_pair(b + i + 2), odd);
  }
  for (; i < n; ++i) step(a[i], b[i], rest);
  std::array<double, kTotals> totals;
  for (std::size_t k = 0; k < kTotals; ++k)
    totals[k] = k < kSums ? sum(even[k]) + sum(odd[k]) + rest[k] : larger(larger(peak(even[k]), peak(odd[k])), rest[k]);
  return totals;
}

struct Sums {
  double ab = 0, aa = 0, bb = 0, dd = 0, relative = 0;
  double shifted = 0, shifted_squared = 0;  // of a - shift: the variance without the cancellation of E[a²] - E[a]²
  double max_abs = 0, peak_a = 0, peak_b = 0;
  double shift = 0;
  std::int64_t count = 0;
  bool new_non_finite = false;

  /// Finite numbers only.
  void add(const double* a, const double* b, std::size_t n) {
    if (count == 0 && n > 0) shift = a[0];
    count += static_cast<std::int64_t>(n);
    const auto products = reduce<3, 0>(a, b, n, [](auto x, auto y, auto* total) {
      total[0] += x * y;
      total[1] += x * x;
      total[2] += y * y;
    });
    ab += products[0], aa += products[1], bb += products[2];
    const auto differences = reduce<2, 1>(a, b, n, [](auto x, auto y, auto* total) {
      const auto d = magnitude(x - y);
      total[0] += d * d;
      total[1] += d / (larger(magnitude(x), magnitude(y)) + 1e-5);
      total[2] = larger(total[2], d);
    });
    dd += differences[0], relative += differences[1], max_abs = larger(max_abs, differences[2]);
    const auto spread = reduce<2, 2>(a, b, n, [from = shift](auto x, auto y, auto* total) {
      const auto s = x - from;
      total[0] += s;
      total[1] += s * s;
      total[2] = larger(total[2], magnitude(x));
      total[3] = larger(total[3], magnitude(y));
    });
    shifted += spread[0], shifted_squared += spread[1];
    peak_a = larger(peak_a, spread[2]), peak_b = larger(peak_b, spread[3]);
  }
};

bool all_finite(const double* a, const double* b, std::size_t n) {
  // 0 * x is NaN for NaN and infinity, else 0.
  return reduce<1, 0>(a, b, n, [](auto x, auto y, auto* total) { total[0] += x * 0.0 + y * 0.0; })[0] == 0;
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
    if (check && !all_finite(x.data(), y.data(), n)) n = keep_finite(x.data(), y.data(), n, sums.new_non_finite);
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
  const double peak_a = sums.peak_a, either = std::max(peak_a, sums.peak_b);
  result.max_abs = sums.max_abs;
  const double relative = sums.relative;
  if (either > 0x1p+480 || (either > 0 && either < 0x1p-480)) {
    scale = std::ldexp(1.0, -std::clamp(std::ilogb(either), -1000, 1000));
    sums = sums_of(a, b, scale);
  }

  const double aa = sums.aa, bb = sums.bb, dd = sums.dd;
  result.new_non_finite = sums.new_non_finite;
  result.count = sums.count;
  result.peak = peak_a;
  if (aa > 0 && bb > 0)
    result.cosine = std::clamp(sums.ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
  else
    result.cosine = aa == 0 && bb == 0 ? 1 : 0;
  result.relative_l2 = aa > 0 ? std::sqrt(dd / aa) : std::sqrt(bb) / scale;
  result.norm = std::sqrt(aa) / scale;
  if (sums.count == 0) return result;
  const auto n = static_cast<double>(sums.count);
  const double mean = sums.shifted / n;
  result.mse = dd / n / scale / scale;
  result.variance = std::max(0.0, sums.shifted_squared / n - mean * mean) / scale / scale;
  result.mean_relative = relative / n;
  return result;
}

}  // namespace speedster
