/// A metric that is another program: it is given files and prints a drop.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "accuracy/metric.h"

namespace speedster::accuracy {

/// Runs a program in the folder `cwd` and gives what it wrote to stdout. A time-out, a signal and an exit status other
/// than 0 are errors.
using RunProgram =
    std::function<Result<std::string>(const std::vector<std::string>& argv, const std::filesystem::path& cwd)>;

struct ExternalOptions {
  /// The program and its arguments. {original} and {candidate} stand for safetensors files with the tensors OUTPUT.<i>
  /// of sample i (its label is line i, of batches of B the B lines from i * B on); {labels} for the labels' path,
  /// {indices} for a safetensors file with the judged i as the int64 tensor `indices`. Without any of them the four
  /// follow as arguments in this order (the labels' path empty if there is none).
  std::vector<std::string> command;
  std::filesystem::path labels;
  std::filesystem::path directory;  ///< of the files; they stay there only if the program fails
  std::size_t samples_per_run = 0;  ///< several runs give an interval; 0 = as many as bytes_per_run allows
  /// Of the outputs of both, a quarter of the free disk at most: what is more is judged in several runs.
  std::uint64_t bytes_per_run = std::uint64_t{4} << 30U;
};

/// The drop is the last line that the program prints. Over several runs it is their mean, weighted by samples: a metric
/// that is no mean over samples should see them all in one.
class ExternalMetric {
 public:
  /// Kind usage for an empty command and for {labels} without labels.
  static Result<ExternalMetric> create(ExternalOptions options, std::vector<std::string> outputs, RunProgram run);
  /// Writes the outputs of a sample; runs the program when a run is full.
  Result<void> add(std::size_t sample, const std::vector<TensorView>& original,
                   const std::vector<TensorView>& candidate);
  /// Runs what is left. Kind bad input if the program prints no finite number; else as RunProgram has it.
  Result<Drop> finish(bool independent, double confidence = 0.95);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace speedster::accuracy
