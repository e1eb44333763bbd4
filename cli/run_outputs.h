/// What `run` gets out of a model, call by call, and the arrays that it becomes.
#pragma once
#include <speedster/error.h>
#include <speedster/learner.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "cli/run_inputs.h"

namespace speedster::cli {

/// One array that comes out.
struct OutputArray {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
  /// The elements; where only the first are kept, at least RunOutputs::kFirst of them or all.
  std::span<const std::byte> data;

  TensorView view() const { return {dtype, shape, const_cast<std::byte*>(data.data())}; }
};

/// Looks at the outputs of one call where they are, and keeps those of several in unnamed files on the disk of $TMPDIR.
class RunOutputs {
 public:
  static constexpr std::size_t kFirst = 8;  ///< values that are kept where the rest is not wanted

  /// `whole`: all values are kept, not only the first.
  static Result<RunOutputs> create(const std::vector<TensorInfo>& outputs, CallLayout layout, bool whole);
  /// The outputs of the next call. Those of the only one must live as long as this.
  Result<void> add(const std::vector<TensorView>& outputs);
  /// After the last call; they live as long as this. Rows are joined along axis 0, samples along a new one in front.
  /// Ragged samples give NAME.0, NAME.1, …, and so does an output whose calls do not fit together (then with a note).
  /// Kind unsupported where two arrays would have one name.
  Result<std::vector<OutputArray>> arrays();
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Output {
    std::string name;
    DType dtype = DType::kFloat32;
    std::vector<Shape> shapes;        ///< a call each
    std::span<const std::byte> only;  ///< of one call
    UniqueFd file;                    ///< where all of several calls is kept
    MappedFile mapped;
    std::vector<std::byte> first;           ///< where only the first values of each call are
    std::vector<std::size_t> begins = {0};  ///< of each call's bytes, and the end
  };
  std::span<const std::byte> bytes_of(const Output& output, std::size_t call) const;

  CallLayout layout_ = CallLayout::kOneCall;
  bool whole_ = true;
  std::vector<Output> outputs_;
  std::vector<std::string> notes_;
};

/// Whether `path` can hold outputs of these dtypes: npz (also without an extension) or safetensors. Kind usage.
Result<void> check_output_format(const std::filesystem::path& path, const std::vector<TensorInfo>& outputs);
/// Writes them; the file appears when it is complete.
Result<void> write_outputs(const std::filesystem::path& path, const std::vector<OutputArray>& arrays);

}  // namespace speedster::cli
