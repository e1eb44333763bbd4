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

}  // namespace

void Moments::add(double value) {
  ++count;
  const auto n = static_cast<double>(count);
  const double delta = value - mean, step = delta / n, term = delta * step * (n - 1);
  mean += step;
  cubes += term * step * (n - 2) - 3 * step * squares;
  squares += term;
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
