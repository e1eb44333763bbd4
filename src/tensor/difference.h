/// Differences of two tensors in double precision, whatever their dtype. NaN and infinity at the same places (and of
/// the same sign) as in the original pass and are left out of the sums; any other pairing makes `new_non_finite` true.
/// Integers beyond 2^53 are rounded to double first.
#pragma once
#include <speedster/tensor.h>

#include <cstdint>

namespace speedster {

struct Difference {
  bool same_shape = true;  ///< false (also for complex against real): nothing else is meaningful
  bool new_non_finite = false;
  std::int64_t count = 0;  ///< elements compared
  double cosine = 1;       ///< 1 for two zero vectors, 0 if only one is zero
  double relative_l2 = 0;  ///< |a-b| / |a|; |b| if a is zero
  double norm = 0;         ///< |a|
  double mse = 0;
  double variance = 0;       ///< of the original, population
  double mean_relative = 0;  ///< mean of |a-b| / (max(|a|,|b|) + 1e-5): Speedster 0.4's numeric_precision
  double max_abs = 0;
  double peak = 0;  ///< largest |a| of the original (for PSNR)
};

/// a is the original, b the candidate. Dtypes may differ; complex tensors compare by real and imaginary parts.
Difference difference(const TensorView& a, const TensorView& b);

/// One element as double (bool, integers, all float kinds; the real part of complex).
double element(const TensorView& tensor, std::int64_t index);
float half_to_float(std::uint16_t bits);
float bfloat16_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);      ///< round to nearest even
std::uint16_t float_to_bfloat16(float value);  ///< round to nearest even

}  // namespace speedster
