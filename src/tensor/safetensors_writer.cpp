#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "tensor/safetensors.h"
#include "tensor/safetensors_header.h"

namespace speedster {

struct SafetensorsWriter::State {
  fs::path path, temporary;
  UniqueFd fd;
  std::uint64_t left = 0;

  ~State() {
    if (fd.valid()) ::unlink(temporary.c_str());  // not finished: nothing half-written stays
  }
};

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path,
                                                    const std::vector<Declaration>& tensors,
                                                    const std::map<std::string, std::string>& metadata) {
  std::vector<SafetensorsHeader::Entry> entries;
  entries.reserve(tensors.size());
  for (const Declaration& tensor : tensors) entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  SPEEDSTER_ASSIGN(const std::string header, make_safetensors_header(entries, metadata));

  auto state = std::make_shared<State>();
  state->path = path;
  state->temporary = path.string() + ".tmp." + std::to_string(::getpid());
  state->left = entries.empty() ? 0 : entries.back().end;
  SPEEDSTER_ASSIGN(const std::uint64_t free, free_space(path));
  if (header.size() + state->left > free)
    return Error(ErrorKind::kNoSpace, "[safetensors] expected room for " + std::to_string(header.size() + state->left) +
                                          " bytes, got " + std::to_string(free) + " free for " + path.string() +
                                          "; try to free space or another folder");
  state->fd = UniqueFd(::open(state->temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!state->fd.valid()) return errno_error(errno, "safetensors", "a writable file", path);
  SPEEDSTER_TRY(write_all(state->fd.get(), std::as_bytes(std::span(header)), path));
  SafetensorsWriter writer;
  writer.state_ = std::move(state);
  return writer;
}

Result<void> SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > state_->left)
    return Error(ErrorKind::kInternal, "[safetensors] expected at most " + std::to_string(state_->left) +
                                           " more bytes for " + state_->path.string() + ", got " +
                                           std::to_string(bytes.size()));
  SPEEDSTER_TRY(write_all(state_->fd.get(), bytes, state_->path));
  state_->left -= bytes.size();
  return {};
}

Result<void> SafetensorsWriter::finish() {
  if (state_->left != 0)
    return Error(ErrorKind::kInternal, "[safetensors] expected " + std::to_string(state_->left) + " more bytes for " +
                                           state_->path.string() + ", got the end");
  if (::rename(state_->temporary.c_str(), state_->path.c_str()) != 0)
    return errno_error(errno, "safetensors", "a replaceable file", state_->path);
  state_->fd.reset();
  return {};
}

Result<void> write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  std::vector<SafetensorsWriter::Declaration> declarations;
  declarations.reserve(tensors.size());
  for (const NamedTensor& t : tensors) declarations.push_back({t.name, t.tensor.dtype(), t.tensor.shape()});
  SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, declarations, metadata));
  for (const NamedTensor& t : tensors)
    SPEEDSTER_TRY(writer.append({static_cast<const std::byte*>(t.tensor.data()), t.tensor.bytes()}));
  return writer.finish();
}

}  // namespace speedster
