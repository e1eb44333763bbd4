#include "base/files.h"
#include "tensor/safetensors.h"
#include "tensor/safetensors_header.h"

namespace speedster {

struct SafetensorsWriter::State {
  fs::path path;
  OutputFile file;
  std::uint64_t left = 0;
};

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path,
                                                    const std::vector<Declaration>& tensors,
                                                    const std::map<std::string, std::string>& metadata) {
  std::vector<SafetensorsHeader::Entry> entries;
  entries.reserve(tensors.size());
  for (const Declaration& tensor : tensors) entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  SPEEDSTER_ASSIGN(const std::string header, make_safetensors_header(entries, metadata));

  const std::uint64_t data = entries.empty() ? 0 : entries.back().end;
  SPEEDSTER_ASSIGN(OutputFile file, OutputFile::create(path, "safetensors"));
  if (!file.direct()) {
    SPEEDSTER_ASSIGN(const std::uint64_t free, free_space(path));
    if (header.size() + data > free)
      return Error(ErrorKind::kNoSpace, "[safetensors] expected room for " + std::to_string(header.size() + data) +
                                            " bytes, got " + std::to_string(free) + " free for " + path.string() +
                                            "; try to free space or another folder");
  }
  SPEEDSTER_TRY(file.write(std::as_bytes(std::span(header))));
  SafetensorsWriter writer;
  writer.state_ = std::make_shared<State>(State{path, std::move(file), data});
  return writer;
}

Result<void> SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > state_->left)
    return Error(ErrorKind::kInternal, "[safetensors] expected at most " + std::to_string(state_->left) +
                                           " more bytes for " + state_->path.string() + ", got " +
                                           std::to_string(bytes.size()));
  SPEEDSTER_TRY(state_->file.write(bytes));
  state_->left -= bytes.size();
  return {};
}

Result<void> SafetensorsWriter::finish() {
  if (state_->left != 0)
    return Error(ErrorKind::kInternal, "[safetensors] expected " + std::to_string(state_->left) + " more bytes for " +
                                           state_->path.string() + ", got the end");
  return state_->file.finish();
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
