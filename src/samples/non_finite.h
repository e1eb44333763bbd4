/// Looks for NaN and infinity in raw elements.
#pragma once
#include <speedster/tensor.h>

#include <cstddef>
#include <span>

namespace speedster::samples {

/// Whole elements of `dtype`; false for integers and bool.
bool has_non_finite(DType dtype, std::span<const std::byte> elements);

}  // namespace speedster::samples
