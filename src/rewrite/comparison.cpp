#include "rewrite/comparison.h"

#include <algorithm>
#include <cmath>

#include "tensor/difference.h"

namespace speedster::rewrite {

void Comparison::add(std::span<const TensorView> original, std::span<const TensorView> rewritten) {
  if (original.size() != rewritten.size() || (!outputs_.empty() && outputs_.size() != original.size())) {
    worst_.same_shape = false;
    return;
  }
  outputs_.resize(original.size());
  for (std::size_t i = 0; i < original.size(); ++i) {
    const Difference one = difference(original[i], rewritten[i]);
    worst_.same_shape = worst_.same_shape && one.same_shape && original[i].dtype == rewritten[i].dtype;
    worst_.new_non_finite = worst_.new_non_finite || one.new_non_finite;
    outputs_[i].original += one.norm * one.norm;
    outputs_[i].difference += one.mse * static_cast<double>(one.count);
  }
}

Distance Comparison::distance() const {
  Distance distance = worst_;
  for (const Sums& sums : outputs_) {
    const double norm = std::sqrt(sums.original), difference = std::sqrt(sums.difference);
    distance.relative_l2 = std::max(distance.relative_l2, norm > 0 ? difference / norm : difference);
  }
  return distance;
}

}  // namespace speedster::rewrite
