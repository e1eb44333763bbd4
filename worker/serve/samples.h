/// Samples copied into this process's own memory before anything is timed.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <map>
#include <string>
#include <vector>

#include "samples/store.h"

namespace speedster::worker {

using OwnedSample = std::vector<Tensor>;  ///< in the signature's order

Result<OwnedSample> copy_sample(const samples::SampleStore& store, std::size_t index);

/// The tensor at another shape of the same rank, by repeating and cropping along each axis: token ids stay valid ids.
Result<Tensor> resized(const Tensor& tensor, const Shape& shape);

}  // namespace speedster::worker
