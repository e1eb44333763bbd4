/// Labels: an npy array with a row for each row of the samples, or text with a line for each.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "samples/plan.h"

namespace speedster::samples {

/// Cut as the samples are: of a batch its rows, or its lines joined by newlines. One of the two is empty.
struct Labels {
  std::vector<Tensor> tensors;
  std::vector<std::string> texts;
};

/// Kind bad input if their number is neither that of the rows nor that of the samples.
Result<Labels> read_labels(const std::filesystem::path& path, const Plan& plan);

}  // namespace speedster::samples
