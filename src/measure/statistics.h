/// The statistics of the measuring procedure: variances with few degrees of freedom, paired estimates,
/// percentiles with their intervals. Everything is in natural logarithms of seconds unless said otherwise.
#pragma once
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/student.h"
#include "measure/race.h"

namespace speedster::measure {

/// An estimated variance and the degrees of freedom behind it.
struct Variance {
  double value = 0;
  double df = 0;
};
double mean(std::span<const double> values);
/// Sample variance (divisor n − 1); df = n − 1, and value 0 with fewer than two values.
Variance variance(std::span<const double> values);
/// A measured variance drawn towards an expected one, each weighing its degrees of freedom. Smyth 2004, "Linear models
/// and empirical Bayes methods", section 3: with three loads a sample variance alone is nearly worthless.
Variance moderate(Variance measured, Variance expected);
/// Variance of a sum of independent terms, with the degrees of freedom of Welch and Satterthwaite.
Variance sum(Variance a, Variance b);
/// Variance of one block after the rounds' and the contenders' own means are taken out: (n − 1)(m − 1) degrees of
/// freedom. All series have the same length.
Variance residual_variance(std::span<const std::span<const double>> series);

/// A mean and the variance of that mean.
struct Estimate {
  double mean = 0;
  Variance variance;
  /// One-sided bounds: beyond them with probability `alpha`.
  double lower(double alpha) const;
  double upper(double alpha) const;
};
/// Mean of a[i] − b[i] over the common prefix. Its variance is the moderated one of `single_expected` (the expected
/// variance of one difference), so that one pair is enough.
Estimate paired(std::span<const double> a, std::span<const double> b, Variance single_expected);

/// A ratio and its two-sided interval for printing. Where the sample variance is by luck below the moderated one, the
/// latter is taken: a printed interval is rather too wide than too narrow.
Interval ratio_interval(std::span<const double> numerator, std::span<const double> denominator,
                        Variance single_expected);
/// The same for one series: seconds.
Interval seconds_interval(std::span<const double> logs, Variance single_expected);

double median(std::vector<double> values);
/// Percentile `share` (0 to 1) with linear interpolation between order statistics; `values` need no order.
double percentile(std::vector<double> values, double share);
/// Calls that were timed at another moment than the median that is printed, on its scale: they give the tail's shape.
std::vector<double> rescaled(std::vector<double> calls, double median);
/// The percentile and a distribution-free interval between two order statistics (David & Nagaraja, "Order Statistics",
/// 7.1: the binomial distribution says how many values lie below). Nothing where there are too few values for
/// `confidence`.
std::optional<Interval> percentile_interval(std::vector<double> values, double share, double confidence = 0.95);
/// The 99th percentile; nothing below 300 calls, where it would be the maximum by another name.
std::optional<double> p99(std::vector<double> calls);

}  // namespace speedster::measure
