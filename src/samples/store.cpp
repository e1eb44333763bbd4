#include "samples/store.h"

#include <algorithm>
#include <chrono>

#include "base/files.h"
#include "base/json.h"
#include "base/lock.h"
#include "samples/layout.h"
#include "samples/ragged.h"
#include "tensor/safetensors.h"

namespace speedster::samples {

struct SampleStore::State {
  std::size_t samples = 0;
  std::vector<std::string> names, notes;
  std::vector<RaggedFile> inputs;
  std::optional<RaggedFile> labels;
  bool text = false, random = false;
  std::optional<FileLock> lock;  // remove_store leaves alone what is in use
  std::string digest, non_finite;
};

Result<SampleStore> SampleStore::open(const std::filesystem::path& directory) {
  const std::string who = "samples";
  // Where there is no permission or no locks, it is read all the same.
  auto lock = FileLock::try_take(directory / kLockFile, FileLock::Mode::kShared);
  if (lock.ok() && !*lock)
    return Error(ErrorKind::kNotFound, "[samples] expected a store, got one that is being removed");
  SPEEDSTER_ASSIGN(const std::string content, read_file(directory / kIndexFile));
  SPEEDSTER_ASSIGN(const Json index, parse_json(content, who));
  SPEEDSTER_ASSIGN(const std::int64_t version, json_int(index, "version", who));
  if (version != kStoreVersion)
    return Error(ErrorKind::kVersion, "[samples] expected a store of version " + std::to_string(kStoreVersion) +
                                          ", got " + std::to_string(version) + " in " + directory.string() +
                                          "; try to build it again");
  auto state = std::make_shared<State>();
  if (lock.ok()) state->lock = std::move(*lock);
  SPEEDSTER_ASSIGN(const std::int64_t samples, json_int(index, "samples", who));
  SPEEDSTER_ASSIGN(state->random, json_bool(index, "random", who));
  SPEEDSTER_ASSIGN(state->digest, json_string(index, "digest", who));
  SPEEDSTER_ASSIGN(state->non_finite, json_string(index, "non_finite", who));
  SPEEDSTER_ASSIGN(state->notes, json_strings(index, "notes", who));
  SPEEDSTER_ASSIGN(const std::string labels, json_string(index, "labels", who));
  SPEEDSTER_ASSIGN(const Json* inputs, json_array(index, "inputs", who));
  const Error wrong(ErrorKind::kCorrupt, "[samples] expected a store that agrees with its index, got another in " +
                                             directory.string() + "; try to build it again");
  state->samples = static_cast<std::size_t>(samples);
  for (const Json& input : *inputs) {
    SPEEDSTER_ASSIGN(std::string name, json_string(input, "name", who));
    SPEEDSTER_ASSIGN(const std::string dtype, json_string(input, "dtype", who));
    SPEEDSTER_ASSIGN(RaggedFile file, RaggedFile::open(directory / input_file(state->names.size())));
    if (samples <= 0 || file.size() != state->samples || speedster::name(file.at(0).dtype) != dtype) return wrong;
    state->names.push_back(std::move(name));
    state->inputs.push_back(std::move(file));
  }
  if (labels != "none") {
    SPEEDSTER_ASSIGN(RaggedFile file, RaggedFile::open(directory / kLabelsFile));
    state->text = labels == "text";
    if (file.size() != state->samples || (state->text && file.at(0).dtype != DType::kUInt8)) return wrong;
    state->labels = std::move(file);
  }
  SampleStore store;
  store.state_ = std::move(state);
  return store;
}

Result<bool> remove_store(const std::filesystem::path& directory) {
  std::error_code error;
  std::optional<FileLock> lock;
  if (fs::exists(directory / kLockFile, error)) {
    auto taken = FileLock::try_take(directory / kLockFile, FileLock::Mode::kExclusive);
    if (taken.ok() && !*taken) return false;
    if (taken.ok()) lock = std::move(*taken);
  }
  if (!lock) {
    // Whoever made the folder may be about to take the lock, or there are no locks here.
    const auto made = fs::last_write_time(directory, error);
    if (!error && made + std::chrono::hours(1) > fs::file_time_type::clock::now()) return false;
  }
  SPEEDSTER_TRY(remove_directory(directory));
  return true;
}

void bound_stores(const std::filesystem::path& root, std::uint64_t most_bytes) {
  std::vector<std::pair<fs::file_time_type, fs::path>> old;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto used = fs::last_write_time(it->path(), ignored);
    const bool unfinished = it->path().filename().string().find('-') != std::string::npos;
    if (unfinished) {
      (void)remove_store(it->path());
      continue;
    }
    total += directory_size(it->path());
    old.emplace_back(used, it->path());
  }
  std::ranges::sort(old);
  for (const auto& [used, path] : old) {
    if (total <= most_bytes) return;
    const std::uint64_t bytes = directory_size(path);
    const auto removed = remove_store(path);
    if (removed.ok() && *removed) total -= std::min(total, bytes);
  }
}

std::size_t SampleStore::size() const { return state_->samples; }
const std::vector<std::string>& SampleStore::input_names() const { return state_->names; }
const std::vector<std::string>& SampleStore::notes() const { return state_->notes; }
bool SampleStore::labelled() const { return state_->labels.has_value(); }
bool SampleStore::random() const { return state_->random; }
const std::string& SampleStore::digest() const { return state_->digest; }
const std::string& SampleStore::non_finite() const { return state_->non_finite; }

Result<std::vector<TensorView>> SampleStore::sample(std::size_t i) const {
  if (i >= size())
    return Error(ErrorKind::kNotFound,
                 "[samples] expected a sample below " + std::to_string(size()) + ", got " + std::to_string(i));
  std::vector<TensorView> inputs;
  inputs.reserve(state_->inputs.size());
  for (const RaggedFile& input : state_->inputs) inputs.push_back(input.at(i));
  return inputs;
}

std::uint64_t SampleStore::bytes(std::size_t i) const {
  std::uint64_t total = 0;
  for (const RaggedFile& input : state_->inputs) total += input.at(i).bytes();
  return total;
}

std::optional<TensorView> SampleStore::label(std::size_t i) const {
  if (!labelled() || state_->text) return std::nullopt;
  return state_->labels->at(i);
}

std::optional<std::string> SampleStore::label_text(std::size_t i) const {
  if (!labelled() || !state_->text) return std::nullopt;
  const TensorView line = state_->labels->at(i);
  return std::string(static_cast<const char*>(line.data), line.bytes());
}

void SampleStore::forget(std::size_t i) const {
  for (const RaggedFile& input : state_->inputs) input.forget(i);
}

Result<void> write_samples(const std::filesystem::path& file, const SampleStore& store,
                           const std::vector<std::size_t>& indices) {
  std::vector<SafetensorsWriter::Declaration> tensors;
  const auto each = [&](auto&& visit) -> Result<void> {
    for (std::size_t k = 0; k < store.input_names().size(); ++k)
      for (std::size_t position = 0; position < indices.size(); ++position) {
        SPEEDSTER_ASSIGN(const std::vector<TensorView> inputs, store.sample(indices[position]));
        SPEEDSTER_TRY(visit(store.input_names()[k] + "." + std::to_string(position), inputs[k]));
        store.forget(indices[position]);
      }
    return {};
  };
  SPEEDSTER_TRY(each([&](std::string name, const TensorView& view) -> Result<void> {
    tensors.push_back({std::move(name), view.dtype, Shape(view.shape.begin(), view.shape.end())});
    return {};
  }));
  SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(file, tensors));
  SPEEDSTER_TRY(each([&](const std::string&, const TensorView& view) {
    return writer.append({static_cast<const std::byte*>(view.data), view.bytes()});
  }));
  return writer.finish();
}

}  // namespace speedster::samples
