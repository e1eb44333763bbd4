/// Which array of which file becomes which sample: names, dtypes and shapes checked before any data is read.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "model/signature.h"
#include "samples/store.h"

namespace speedster::samples {

/// Consecutive samples of one input out of one array.
struct Part {
  std::filesystem::path file;
  std::size_t array = 0;  ///< its place in the file
  std::size_t samples = 1;
};

struct InputPlan {
  TensorSpec spec;
  std::vector<Part> parts;
  std::size_t rank = 0;
  std::vector<std::int64_t> shapes;  ///< samples x rank
  /// Rows of a sample that have to be interleaved because the batch axis is not the first: sample shape
  /// [outer..., batch, inner...] from rows [outer..., inner...]. 0: the sample lies in the array as it is.
  std::size_t stacked_axis = 0;

  std::span<const std::int64_t> shape(std::size_t sample) const {
    return std::span(shapes).subspan(sample * rank, rank);
  }
};

struct Plan {
  std::vector<InputPlan> inputs;  ///< in the signature's order
  std::size_t samples = 0;
  std::size_t batch = 1;           ///< rows of a sample, for labels
  std::size_t rows = 0;            ///< before the last incomplete batch was dropped
  std::vector<std::string> notes;  ///< what the user should know: dropped rows, arrays that no input wants
};

/// Data from files. Kind bad input with how_to_write() for wrong names, dtypes, ranks, sizes and counts, or no samples.
Result<Plan> plan_files(const SampleOptions& options, const Signature& signature);
/// Random data: sizes from --shapes, the model's fixed and `opt` sizes, 1 for a batch. Kind usage for a size that is
/// nowhere and for --range that does not fit.
Result<Plan> plan_random(const SampleOptions& options, const Signature& signature);

/// The variable of the k-th input in the numpy lines: its name where Python can have it, else x and k.
std::string python_name(const std::string& name, std::size_t k);

}  // namespace speedster::samples
