/// Inputs of other shapes than the samples have, made from a sample.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <string>

namespace speedster::samples {

/// `values` repeated or cropped along each axis to `shape` of the same rank; zeros where it has no elements. Repetition
/// keeps the distribution of real data, and ids stay in their range. Kind bad input for another rank or a bad shape.
Result<Tensor> resample(const TensorView& values, const Shape& shape, const std::string& name);

}  // namespace speedster::samples
