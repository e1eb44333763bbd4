/// What `run` feeds a model: the arrays of a file as one call where they fit as they are, else the calls that a search
/// makes of the same data (docs/samples.md).
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/signature.h"
#include "samples/store.h"

namespace speedster::cli {

/// How the data holds its calls, and how the outputs hold theirs.
enum class CallLayout {
  kOneCall,     ///< arrays as they are
  kRows,        ///< equal parts along axis 0 of every array, and of every output
  kSampleAxis,  ///< an axis of its own in front: a call for each of its indices
  kRagged,      ///< NAME.0, NAME.1, … or a file each
};

class RunInputs {
 public:
  /// Reads one call into memory; several are streamed into an unnamed store on the disk of $TMPDIR, which goes with
  /// this. Rows that do not fill a call are refused, never dropped. Kinds: bad input (with how_to_write()), not found,
  /// permission, no space, cancelled once `interrupted` rises while samples are streamed.
  static Result<RunInputs> open(const std::filesystem::path& data, const Signature& signature,
                                const std::atomic<bool>* interrupted);

  std::size_t calls() const { return store_ ? store_->size() : 1; }
  CallLayout layout() const { return layout_; }
  /// In the signature's order; an input that the file lacks is a view without data and shape.
  Result<std::vector<TensorView>> call(std::size_t i) const;
  /// The call's memory may go.
  void forget(std::size_t i) const;
  /// What the user should know: arrays that no input wants.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  CallLayout layout_ = CallLayout::kOneCall;
  std::vector<std::optional<Tensor>> whole_;
  std::optional<samples::SampleStore> store_;
  std::vector<std::string> notes_;
};

}  // namespace speedster::cli
