/// Samples: read from npz, npy, safetensors or a folder, checked against a signature, cut along the batch axis, and
/// streamed once into a memory-mapped store that children map read-only.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "model/signature.h"

namespace speedster::samples {

/// Calls of one shape among those that are timed.
struct ShapeShare {
  std::map<std::string, Shape> shapes;  ///< by input
  double share = 1;                     ///< relative to the others'
};

/// The shapes with the largest share, of equals the first; of one shape at least.
const ShapeShare& most_frequent(const std::vector<ShapeShare>& mix);

/// What the user said about data.
struct SampleOptions {
  std::filesystem::path data;  ///< file or folder; ignored when `random`
  bool random = false;
  std::uint64_t seed = 0;
  std::size_t random_count = 16;
  std::map<std::string, std::pair<double, double>> ranges;  ///< --range NAME=LOW:HIGH (half-open for integers)
  std::map<std::string, Shape> shapes;  ///< --shapes: the size of a call for each input, batch included
  /// --shapes with shares: what is timed is made to these from samples, whose own sizes stay what they are.
  std::vector<ShapeShare> mix;
  struct AxisRange {
    std::int64_t min = 1, opt = 1, max = 1;
  };
  std::map<std::string, AxisRange> axes;  ///< --axis NAME=MIN:OPT:MAX: what a dynamic axis may be, by its symbolic name
  std::filesystem::path labels;           ///< npy, or text with a line a sample; empty = none
  CancelToken cancel;                     ///< looked at while samples are streamed
  Deadline deadline;
};

/// Read-only, memory-mapped; any number of processes open the same folder.
class SampleStore {
 public:
  static Result<SampleStore> open(const std::filesystem::path& directory);
  std::size_t size() const;
  /// The inputs of sample `i` in the signature's order, views into the map.
  Result<std::vector<TensorView>> sample(std::size_t i) const;
  const std::vector<std::string>& input_names() const;
  /// Bytes of sample `i`, all inputs.
  std::uint64_t bytes(std::size_t i) const;
  bool labelled() const;
  /// Label of sample `i`: for npy a view of its row(s); for text its line, of a batch its lines joined by newlines.
  std::optional<TensorView> label(std::size_t i) const;
  std::optional<std::string> label_text(std::size_t i) const;
  bool random() const;
  /// Digest of all that was stored (for keys).
  const std::string& digest() const;
  /// Where NaN or infinity was met: "images, sample 3"; empty if nowhere.
  const std::string& non_finite() const;
  /// What the user should know: rows dropped, arrays that no input wants, how integers were drawn.
  const std::vector<std::string>& notes() const;
  /// Tells the kernel that sample `i` is not needed soon.
  void forget(std::size_t i) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Reads, checks and cuts the samples and writes the store as `directory`, in constant memory; what was there is
/// replaced once the new one is complete.
///
/// An array of an input's own rank is cut along axis 0 into batches (samples/batch.h says which axis a batch becomes
/// and how large it is; rows that do not fill the last one are dropped and noted). One axis more: axis 0 counts samples
/// and goes away. NAME.0, NAME.1, … and the files of a folder, in the order of their names, are one sample each, as
/// they are. Errors (bad input) list the model's inputs and the numpy lines that write a valid file.
Result<SampleStore> build_store(const SampleOptions& options, const Signature& signature,
                                const std::filesystem::path& directory);

/// Removes a store that nobody has open or fills, whole or interrupted. False where it stays because it is (or, without
/// a lock and younger than an hour, may be) in use.
Result<bool> remove_store(const std::filesystem::path& directory);

/// Keeps the stores below a folder within a bound: the least recently used go, and what interrupted searches left.
void bound_stores(const std::filesystem::path& root, std::uint64_t most_bytes);

/// The part of an error message that shows the inputs and the numpy lines.
std::string how_to_write(const Signature& signature);

/// The signature with each dynamic axis's min, opt and max as the samples, --shapes and --axis have them. Kind usage
/// for an --axis that no input has or that is in no order.
Result<Signature> with_ranges(const Signature& signature, const SampleStore& store, const SampleOptions& options);

/// Three disjoint parts in a seeded order fixed beforehand: a quarter (512 at most) to calibrate, a quarter (512 at
/// most) to search, the rest to judge. Below 32 samples each part is all of them.
struct Split {
  std::vector<std::size_t> calibration, search, judging;
  bool independent = true;  ///< false where too few samples make the parts share
};
Split split(std::size_t samples, std::uint64_t seed);
/// At most `most` of the indices, taken at even distances over all of them.
std::vector<std::size_t> spread_over(const std::vector<std::size_t>& indices, std::size_t most);

/// A plain safetensors file with the tensors NAME.0, NAME.1, … of the chosen samples, in their order; it can be read as
/// samples again. For toolchains and external programs.
Result<void> write_samples(const std::filesystem::path& file, const SampleStore& store,
                           const std::vector<std::size_t>& indices);

/// Arrays by name from npz, npy (name empty), safetensors; for `bench`, `run` and the metric's files.
Result<std::vector<NamedTensor>> read_tensors(const std::filesystem::path& file);
/// Stored, zip64 where needed; the file appears when it is complete. Kind unsupported for dtypes that numpy lacks.
Result<void> write_npz(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors);

}  // namespace speedster::samples
