#include "base/student.h"

#include <cmath>
#include <initializer_list>
#include <numbers>

namespace speedster {
namespace {

double log_gamma(double x) {
  int sign = 0;  // std::lgamma writes a global instead
  return ::lgamma_r(x, &sign);
}

/// The continued fraction of DLMF 8.17.22 by the modified Lentz method (DLMF 3.10(iii)).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kPrecision = 1e-15;
  constexpr int kMostTerms = 1000;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), value = d;
  for (int m = 1; m <= kMostTerms; ++m) {
    for (const double term : {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                              -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}) {
      d = 1 / away_from_zero(1 + term * d);
      c = away_from_zero(1 + term / c);
      value *= c * d;
    }
    if (std::abs(c * d - 1) < kPrecision) break;
  }
  return value;
}

/// Regularized incomplete beta function.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast below the mean, the symmetry 8.17.4 covers the rest.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

double student_cdf(double t, double df) {
  constexpr double kAsGoodAsNormal = 1e7;
  if (df > kAsGoodAsNormal) return 0.5 * std::erfc(-t / std::numbers::sqrt2);
  const double tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t));
  return t < 0 ? tail : 1 - tail;
}

double student_quantile(double p, double df) {
  if (p < 0.5) return -student_quantile(1 - p, df);
  if (p == 0.5) return 0;
  double low = 0, high = 1;
  while (student_cdf(high, df) < p && high < 1e300) {
    low = high;
    high *= 2;
  }
  while (high - low > 1e-12 * high) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (student_cdf(middle, df) < p ? low : high) = middle;
  }
  return high;
}

}  // namespace speedster
