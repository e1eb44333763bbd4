/// How far outputs are apart, summed up over samples.
#pragma once
#include <speedster/tensor.h>

#include <span>
#include <string>
#include <vector>

namespace speedster::rewrite {

struct Distance {
  double relative_l2 = 0;       ///< of the worst output
  bool new_non_finite = false;  ///< NaN or infinity where the original has another value
  bool same_shape = true;
  std::string judge;  ///< what ran both
};

/// Adds up |a - b| and |a| of each output over all samples.
class Comparison {
 public:
  /// The outputs of one sample, in the same order: as they were, as they are.
  void add(std::span<const TensorView> original, std::span<const TensorView> rewritten);
  Distance distance() const;

 private:
  struct Sums {
    double original = 0, difference = 0;  // squares
  };
  std::vector<Sums> outputs_;
  Distance worst_;
};

}  // namespace speedster::rewrite
