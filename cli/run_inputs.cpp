#include "cli/run_inputs.h"

#include <algorithm>
#include <map>
#include <new>

#include "base/files.h"
#include "cli/interrupt.h"
#include "samples/arrays.h"
#include "samples/batch.h"
#include "samples/plan.h"

namespace speedster::cli {
namespace {

/// The arrays of a file that are called as inputs are, by the input's index.
using Found = std::map<std::size_t, std::size_t>;

/// An .npy file has one array without a name: it is the only input.
Found find_inputs(const std::vector<samples::ArrayInfo>& arrays, const Signature& signature) {
  Found found;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    for (std::size_t k = 0; k < signature.inputs.size(); ++k)
      if (arrays[i].name == signature.inputs[k].name || (arrays[i].name.empty() && signature.inputs.size() == 1))
        found.emplace(k, i);
  return found;
}

bool fits(const TensorSpec& spec, const samples::ArrayInfo& array) {
  if (array.dtype != spec.dtype) return false;
  if (spec.unknown_rank) return true;
  if (array.shape.size() != spec.axes.size()) return false;
  for (std::size_t i = 0; i < spec.axes.size(); ++i)
    if (!spec.axes[i].dynamic() && spec.axes[i].value != array.shape[i]) return false;
  return true;
}

/// As they are: what is there fits, and what is not there is not there in pieces either. Whether the model can do
/// without it is the model's to say.
bool is_one_call(const std::vector<samples::ArrayInfo>& arrays, const Found& found, const Signature& signature) {
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(arrays, [&](const samples::ArrayInfo& array) { return array.name == name; });
  };
  for (std::size_t k = 0; k < signature.inputs.size(); ++k) {
    const auto at = found.find(k);
    if (at == found.end() ? has(signature.inputs[k].name + ".0") : !fits(signature.inputs[k], arrays[at->second]))
      return false;
  }
  return !found.empty();
}

/// Every array as the plan cuts it; rows that it would drop are an error here.
Result<CallLayout> layout_of(const std::vector<samples::ArrayInfo>& arrays, const Found& found,
                             const Signature& signature, const samples::Plan& plan) {
  SPEEDSTER_ASSIGN(const std::vector<samples::BatchAxis> batches, samples::batch_axes(signature, {}));
  CallLayout layout = CallLayout::kRows;
  for (std::size_t k = 0; k < signature.inputs.size(); ++k) {
    const auto at = found.find(k);
    if (at == found.end()) return CallLayout::kRagged;
    const TensorSpec& spec = signature.inputs[k];
    const Shape& shape = arrays[at->second].shape;
    const bool own_rank = spec.unknown_rank || shape.size() == spec.axes.size();
    if (!own_rank || !batches[k].axis || *batches[k].axis != 0) layout = CallLayout::kSampleAxis;
    if (own_rank && batches[k].axis && shape[0] != static_cast<std::int64_t>(plan.samples) * batches[k].size)
      return Error(ErrorKind::kBadInput, "[run] expected a multiple of " + std::to_string(batches[k].size) +
                                             " rows along axis 0 for " + describe(spec) + ", got " + to_string(shape) +
                                             "; try to fill up the last call, for every row is answered\n" +
                                             samples::how_to_write(signature));
  }
  return layout;
}

Result<Tensor> read_array(const samples::ArrayFile& file, std::size_t i, const fs::path& path) {
  const samples::ArrayInfo& array = file.arrays()[i];
  SPEEDSTER_ASSIGN(const std::unique_ptr<samples::Stream> elements, file.elements(i));
  std::optional<Tensor> tensor;
  try {
    tensor.emplace(array.dtype, array.shape);
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::kOutOfMemory, "[run] expected memory for " + to_string(array.shape) + " of \"" +
                                              array.name + "\" in " + path.string() +
                                              ", got none; try several files, or arrays NAME.0, NAME.1, …");
  }
  SPEEDSTER_TRY(elements->read({static_cast<std::byte*>(tensor->data()), tensor->bytes()}));
  return *std::move(tensor);
}

/// The store's files lose their names once it is open: nothing is left behind, however this process ends.
Result<samples::SampleStore> stream_samples(const fs::path& data, const Signature& signature,
                                            const std::atomic<bool>* interrupted) {
  samples::SampleOptions options;
  options.data = data;
  const TokenFollowsFlag follows(interrupted, options.cancel);
  SPEEDSTER_ASSIGN(const TempDir folder, TempDir::create("speedster-run"));
  return samples::build_store(options, signature, folder.path() / "samples");
}

}  // namespace

Result<RunInputs> RunInputs::open(const fs::path& data, const Signature& signature,
                                  const std::atomic<bool>* interrupted) {
  RunInputs inputs;
  samples::SampleOptions options;
  options.data = data;
  std::error_code error;
  if (fs::is_directory(data, error)) {
    inputs.layout_ = CallLayout::kRagged;
  } else {
    SPEEDSTER_ASSIGN(const std::unique_ptr<samples::ArrayFile> file, samples::open_arrays(data));
    const Found found = find_inputs(file->arrays(), signature);
    if (is_one_call(file->arrays(), found, signature)) {
      inputs.whole_.resize(signature.inputs.size());
      std::string ignored;
      for (const samples::ArrayInfo& array : file->arrays())
        if (!array.name.empty() && signature.input(array.name) == nullptr)
          ignored += (ignored.empty() ? "" : ", ") + array.name;
      if (!ignored.empty()) inputs.notes_.push_back("no input is called " + ignored + ": left out");
      for (const auto& [k, i] : found) {
        SPEEDSTER_ASSIGN(inputs.whole_[k], read_array(*file, i, data));
      }
      return inputs;
    }
    SPEEDSTER_ASSIGN(const samples::Plan plan, samples::plan_files(options, signature));
    SPEEDSTER_ASSIGN(inputs.layout_, layout_of(file->arrays(), found, signature, plan));
  }
  Result<samples::SampleStore> store = stream_samples(data, signature, interrupted);
  if (interrupted != nullptr && *interrupted) return Error(ErrorKind::kCancelled, "[cancelled] interrupted");
  if (!store) return std::move(store).error();
  inputs.store_ = *std::move(store);
  inputs.notes_ = inputs.store_->notes();
  return inputs;
}

Result<std::vector<TensorView>> RunInputs::call(std::size_t i) const {
  if (store_) return store_->sample(i);
  std::vector<TensorView> views(whole_.size());
  for (std::size_t k = 0; k < whole_.size(); ++k)
    if (whole_[k]) views[k] = {whole_[k]->dtype(), whole_[k]->shape(), const_cast<void*>(whole_[k]->view().data)};
  return views;
}

void RunInputs::forget(std::size_t i) const {
  if (store_) store_->forget(i);
}

}  // namespace speedster::cli
