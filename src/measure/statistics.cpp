#include "measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace speedster::measure {
namespace {

// On each side of a printed 95 % interval: half of what the model asks. Real machines are less kind than the model
// (neighbours in time are alike, bursts have no normal distribution), and "at least 95 %" is the promise.
constexpr double kPrintedAlpha = 0.0125;

Interval printed(double mean, Variance sample, Variance single_expected, std::size_t count) {
  Variance single = moderate(sample, single_expected);
  if (sample.df >= 1 && sample.value > single.value) single = sample;
  if (single.df <= 0 || count == 0) return {std::exp(mean), 0, std::numeric_limits<double>::infinity()};
  const Estimate estimate{mean, {single.value / static_cast<double>(count), single.df}};
  return {std::exp(mean), std::exp(estimate.lower(kPrintedAlpha)), std::exp(estimate.upper(kPrintedAlpha))};
}

std::vector<double> differences(std::span<const double> a, std::span<const double> b) {
  std::vector<double> d(std::min(a.size(), b.size()));
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = a[i] - b[i];
  return d;
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Variance variance(std::span<const double> values) {
  if (values.size() < 2) return {};
  const double centre = mean(values);
  double squares = 0;
  for (const double v : values) squares += (v - centre) * (v - centre);
  const auto df = static_cast<double>(values.size() - 1);
  return {squares / df, df};
}

Variance moderate(Variance measured, Variance expected) {
  const double df = measured.df + expected.df;
  if (df <= 0) return {};
  return {(measured.df * measured.value + expected.df * expected.value) / df, df};
}

Variance sum(Variance a, Variance b) {
  const double total = a.value + b.value;
  const auto share = [](Variance v) { return v.value > 0 ? v.value * v.value / v.df : 0.0; };
  const double spread = share(a) + share(b);
  return {total, spread > 0 ? total * total / spread : std::numeric_limits<double>::infinity()};
}

Variance residual_variance(std::span<const std::span<const double>> series) {
  if (series.size() < 2 || series.front().size() < 2) return {};
  const std::size_t rounds = series.front().size();
  double squares = 0, grand = 0;
  for (const auto& one : series) grand += mean(one) / static_cast<double>(series.size());
  for (std::size_t r = 0; r < rounds; ++r) {
    double round_mean = 0;
    for (const auto& one : series) round_mean += one[r] / static_cast<double>(series.size());
    for (const auto& one : series) {
      const double residual = one[r] - mean(one) - round_mean + grand;
      squares += residual * residual;
    }
  }
  const auto df = static_cast<double>((rounds - 1) * (series.size() - 1));
  return {squares / df, df};
}

double Estimate::lower(double alpha) const {
  return mean - student_quantile(1 - alpha, variance.df) * std::sqrt(variance.value);
}
double Estimate::upper(double alpha) const {
  return mean + student_quantile(1 - alpha, variance.df) * std::sqrt(variance.value);
}

Estimate paired(std::span<const double> a, std::span<const double> b, Variance single_expected) {
  const std::vector<double> d = differences(a, b);
  const Variance single = moderate(variance(d), single_expected);
  return {mean(d), {single.value / static_cast<double>(std::max<std::size_t>(d.size(), 1)), single.df}};
}

Interval ratio_interval(std::span<const double> numerator, std::span<const double> denominator,
                        Variance single_expected) {
  const std::vector<double> d = differences(numerator, denominator);
  return printed(mean(d), variance(d), single_expected, d.size());
}

Interval seconds_interval(std::span<const double> logs, Variance single_expected) {
  return printed(mean(logs), variance(logs), single_expected, logs.size());
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

std::vector<double> rescaled(std::vector<double> calls, double median) {
  const double scale = calls.empty() ? 1 : median / measure::median(calls);
  for (double& call : calls) call *= scale;
  return calls;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const double place = std::clamp(share, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::optional<Interval> percentile_interval(std::vector<double> values, double share, double confidence) {
  if (values.empty() || share <= 0 || share >= 1) return std::nullopt;
  std::ranges::sort(values);
  const auto n = static_cast<int>(values.size());
  const double each_side = (1 - confidence) / 2;
  // The k-th smallest value is below the percentile unless fewer than k of the values are: P(Binomial(n, share) < k).
  int low = 0, high = 0;
  double below = 0;  // P(B < k)
  for (int k = 1; k <= n; ++k) {
    int sign = 0;
    below += std::exp(::lgamma_r(n + 1.0, &sign) - ::lgamma_r(k, &sign) - ::lgamma_r(n - k + 2.0, &sign) +
                      (k - 1) * std::log(share) + (n - k + 1) * std::log1p(-share));
    if (below <= each_side) low = k;
    if (below >= 1 - each_side) {
      high = k;
      break;
    }
  }
  if (low == 0 || high == 0) return std::nullopt;
  const double low_value = values[static_cast<std::size_t>(low - 1)],
               high_value = values[static_cast<std::size_t>(high - 1)];
  return Interval{percentile(std::move(values), share), low_value, high_value};
}

std::optional<double> p99(std::vector<double> calls) {
  constexpr std::size_t kFewest = 300;
  if (calls.size() < kFewest) return std::nullopt;
  return percentile(std::move(calls), 0.99);
}

}  // namespace speedster::measure
