/// Confidence intervals of the mean of paired differences.
#pragma once
#include <cstddef>
#include <optional>
#include <utility>

#include "base/student.h"

namespace speedster::accuracy {

/// Count, mean and central sums of a stream of numbers (Welford 1962; third moment after Terriberry 2007).
struct Moments {
  std::size_t count = 0;
  double mean = 0, squares = 0, cubes = 0;
  void add(double value);
};

double normal_quantile(double p);

/// Two-sided t interval with Johnson's correction for skew ("Modified t tests and confidence intervals for
/// asymmetrical populations", JASA 73, 1978), since drops like 1 - cosine have a long right tail. Nothing below 2
/// values.
std::optional<std::pair<double, double>> skewed_interval(const Moments& values, double confidence);

/// For values of -1, 0 and 1: Agresti & Min, "Simple improved confidence intervals for comparing matched proportions"
/// (Statistics in Medicine 24, 2005): half a pair is added to each cell, so that it does not collapse to a point where
/// no pair disagreed. Nothing without values.
std::optional<std::pair<double, double>> counting_interval(const Moments& values, double confidence);

}  // namespace speedster::accuracy
