#include "accuracy/interval.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace speedster::accuracy {
namespace {

/// The root of an increasing function of x >= 0 that starts below 0.
template <typename Function>
double root(Function f) {
  double low = 0, high = 1;
  while (f(high) < 0 && high < 1e300) low = high, high *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (f(middle) < 0 ? low : high) = middle;
  }
  return high;
}

/// The regularized incomplete beta function by its continued fraction (DLMF 8.17.22, evaluated after Lentz); converges
/// fast for x < (a + 1) / (a + b + 2), which the caller sees to.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  const auto guarded = [](double value) { return std::fabs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / guarded(1 - (a + b) * x / (a + 1)), result = d;
  for (int m = 1; m < 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guarded(1 + even * d);
    c = guarded(1 + even / c);
    result *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guarded(1 + odd * d);
    c = guarded(1 + odd / c);
    result *= c * d;
    if (std::fabs(c * d - 1) < 1e-15) break;
  }
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(log_front) * result / a;
}

/// P(T <= t), t >= 0.
double student_cdf(double t, double freedom) {
  const double a = freedom / 2, b = 0.5, x = freedom / (freedom + t * t);
  if (t == 0) return 0.5;
  const double tails = x < (a + 1) / (a + b + 2) ? beta_fraction(x, a, b) : 1 - beta_fraction(1 - x, b, a);
  return 1 - tails / 2;
}

}  // namespace

void Moments::add(double value) {
  ++count;
  const auto n = static_cast<double>(count);
  const double delta = value - mean, step = delta / n, term = delta * step * (n - 1);
  mean += step;
  cubes += term * step * (n - 2) - 3 * step * squares;
  squares += term;
}

double student_quantile(double p, double freedom) {
  if (p < 0.5) return -student_quantile(1 - p, freedom);
  return root([&](double t) { return student_cdf(t, freedom) - p; });
}

double normal_quantile(double p) {
  if (p < 0.5) return -normal_quantile(1 - p);
  return root([&](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2) - p; });
}

std::optional<std::pair<double, double>> skewed_interval(const Moments& values, double confidence) {
  if (values.count < 2 || !std::isfinite(values.mean)) return std::nullopt;
  const auto n = static_cast<double>(values.count);
  const double variance = values.squares / (n - 1);
  if (!(variance > 0)) return std::pair(values.mean, values.mean);
  const double centre = values.mean + values.cubes / n / (6 * variance * n);
  const double half = student_quantile((1 + confidence) / 2, n - 1) * std::sqrt(variance / n);
  return std::pair(centre - half, centre + half);
}

std::optional<std::pair<double, double>> counting_interval(const Moments& values, double confidence) {
  if (values.count == 0 || !std::isfinite(values.mean)) return std::nullopt;
  const auto n = static_cast<double>(values.count);
  const double pairs = n + 2, mean = values.mean * n / pairs;
  const double squares = values.squares + values.mean * values.mean * n + 1;
  const double half =
      normal_quantile((1 + confidence) / 2) * std::sqrt(std::max(0.0, squares / pairs - mean * mean) / pairs);
  return std::pair(std::max(-1.0, mean - half), std::min(1.0, mean + half));
}

}  // namespace speedster::accuracy
