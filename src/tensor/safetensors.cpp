#include "tensor/safetensors.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>

#include "base/files.h"
#include "tensor/safetensors_header.h"

namespace speedster {

struct SafetensorsFile::State {
  struct Entry {
    DType dtype;
    Shape shape;
    const std::byte* data;
    std::optional<Tensor> aligned;  // a copy, where the file puts the data at an address that the dtype cannot have
  };
  MappedFile map;
  std::vector<std::string> names;
  std::map<std::string, Entry, std::less<>> entries;
  std::map<std::string, std::string> metadata;

  Result<void> read(std::span<const std::byte> bytes) {
    SPEEDSTER_ASSIGN(SafetensorsHeader header, parse_safetensors_header(bytes));
    metadata = std::move(header.metadata);
    names.reserve(header.tensors.size());
    for (SafetensorsHeader::Entry& from : header.tensors) {
      Entry entry{from.dtype, std::move(from.shape), bytes.data() + header.data_start + from.begin, std::nullopt};
      const std::size_t alignment = std::min<std::size_t>(byte_size(entry.dtype), alignof(double));
      if (reinterpret_cast<std::uintptr_t>(entry.data) % alignment != 0) {
        entry.aligned.emplace(entry.dtype, entry.shape);
        std::copy_n(entry.data, entry.aligned->bytes(), static_cast<std::byte*>(entry.aligned->data()));
      }
      names.push_back(from.name);
      entries.emplace(std::move(from.name), std::move(entry));
    }
    return {};
  }
};

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  auto state = std::make_shared<State>();
  SPEEDSTER_ASSIGN(state->map, MappedFile::open(path));
  if (auto read = state->read(state->map.bytes()); !read)
    return std::move(read).error().wrap("[safetensors] expected a valid file, got " + path.string());
  SafetensorsFile file;
  file.state_ = std::move(state);
  return file;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes) {
  auto state = std::make_shared<State>();
  SPEEDSTER_TRY(state->read(bytes));
  SafetensorsFile file;
  file.state_ = std::move(state);
  return file;
}

const std::vector<std::string>& SafetensorsFile::names() const { return state_->names; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return state_->metadata; }

Result<TensorView> SafetensorsFile::tensor(std::string_view name) const {
  const auto it = state_->entries.find(name);
  if (it == state_->entries.end())
    return Error(ErrorKind::kNotFound,
                 "[safetensors] expected a tensor \"" + std::string(name) + "\", got none of that name");
  const State::Entry& entry = it->second;
  if (entry.aligned) return entry.aligned->view();
  // A view is not const; whoever writes through it meets the read-only map.
  return TensorView{entry.dtype, entry.shape, const_cast<std::byte*>(entry.data)};
}

void SafetensorsFile::forget(std::string_view name, std::size_t offset, std::size_t length) const {
  const auto it = state_->entries.find(name);
  const std::span<const std::byte> bytes = state_->map.bytes();
  if (it == state_->entries.end() || bytes.empty() || it->second.aligned) return;
  const std::size_t start = static_cast<std::size_t>(it->second.data - bytes.data());
  state_->map.forget(start + offset, length);
}

}  // namespace speedster
