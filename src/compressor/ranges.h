/// Ranges that trade what is cut off against how finely the rest is rounded, from a histogram.
#pragma once
#include <cstdint>
#include <span>

#include "compressor/quantize.h"

namespace speedster::compressor {

/// Counts of values in bins of equal width, the first beginning at `low`.
struct Bins {
  double low = 0, width = 0;
  std::span<const std::uint64_t> counts;
};

/// The part of `whole` (which holds all values) that gives the least sum of squared errors with 255 steps that have 0
/// among them: step²/12 for what lies inside, the distance to the edge for what is cut.
Range least_squared_error(const Bins& bins, const Range& whole);

/// The part of `whole`, shrunk on both sides alike, whose distribution differs least after rounding to 255 steps, by
/// the Kullback-Leibler divergence of the values as they were cut (Migacz, GTC 2017).
Range least_divergence(const Bins& bins, const Range& whole);

}  // namespace speedster::compressor
