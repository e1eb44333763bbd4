/// Weights in 8 bits.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace speedster::compressor {

/// Symmetric: value ≈ scale · q with q in [-(2^(bits-1) - 1), 2^(bits-1) - 1].
struct QuantizedWeight {
  Tensor values;              ///< int8, the shape of the original
  std::vector<float> scales;  ///< one, or one for each index of the axis
};

/// One scale for each index of `axis`, or one for all if `axis` is negative. `least` (as many as scales, or empty)
/// bounds the scales from below. A slice of zeros takes the scale of the whole tensor, so that a bias in units of
/// scales stays fine. Kind bad input for NaN, infinity and float32 tensors without elements.
Result<QuantizedWeight> quantize_weight(const Tensor& weight, std::int64_t axis, int bits,
                                        std::span<const double> least = {});

/// Elements of one index of the axis that lie beside each other.
std::size_t slice_size(const Shape& shape, std::int64_t axis);

/// Rows and columns exchanged.
Tensor transposed(const Tensor& matrix);

}  // namespace speedster::compressor
