/// Inputs of other shapes than the samples have, made from a sample.
#pragma once
#include <speedster/tensor.h>

#include "base/json.h"

namespace speedster::worker {

/// `values` repeated or cropped along each axis to `shape` of the same rank; zeros where it has no elements. Repetition
/// keeps the distribution of real data, and ids stay in their range. Kind bad input for another rank or a bad shape.
Result<Tensor> resample(const Tensor& values, const Shape& shape, const std::string& name);

}  // namespace speedster::worker
