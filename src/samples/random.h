/// Random samples: the same numbers for a seed on every machine and with every standard library.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "model/signature.h"
#include "samples/bytes.h"

namespace speedster::samples {

/// SplitMix64 (Steele, Lea & Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits();
  /// In [0, bound), without bias; bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// In [0, 1), 53 bits.
  double uniform();
  /// Standard normal (Box & Muller 1958).
  double normal();

 private:
  std::uint64_t state_;
};

/// An endless array of `dtype`: floats are standard normal, or uniform in the range; integers lie in the half-open
/// range, by default 0 or 1, which every vocabulary and mask has. Kind usage for a range that does not fit the dtype,
/// unsupported for float8 and complex.
Result<std::unique_ptr<Stream>> random_elements(const TensorSpec& input, std::optional<std::pair<double, double>> range,
                                                std::uint64_t seed);

}  // namespace speedster::samples
