/// Two loaded variants against each other in one process.
#pragma once
#include <functional>

#include "base/json.h"

namespace speedster::learner {

/// Calls a variant once with its inputs bound.
using Call = std::function<Result<void>()>;

/// How much longer one takes than the other.
struct PairedRatio {
  double median = 1, low = 1, high = 1;
};
Json to_json(const PairedRatio& ratio);

/// Seconds of `other` over those of `first`, in nine rounds of one block each, whose order alternates. A block begins
/// with calls that are not timed, as threads of the other's vendor may still spin. The interval is of order statistics:
/// the second smallest and second largest of nine, which hold the median with 96 % (binomial), whatever the
/// distribution.
Result<PairedRatio> compare(const Call& first, const Call& other);

/// Median seconds of one call over at least ten of them.
Result<double> median_seconds(const Call& call);

}  // namespace speedster::learner
