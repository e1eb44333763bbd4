#include "tensor/safetensors_appender.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/files.h"
#include "tensor/safetensors.h"

namespace speedster {

struct SafetensorsAppender::State {
  fs::path path;
  UniqueFd spool;
  std::vector<SafetensorsWriter::Declaration> tensors;
  std::uint64_t bytes = 0;
};

Result<SafetensorsAppender> SafetensorsAppender::create(const std::filesystem::path& path) {
  auto state = std::make_shared<State>();
  state->path = path;
  std::string spool = path.string() + ".XXXXXX";
  state->spool = UniqueFd(::mkostemp(spool.data(), O_CLOEXEC));
  if (!state->spool.valid()) return errno_error(errno, "safetensors", "a writable file", path);
  ::unlink(spool.c_str());
  SafetensorsAppender appender;
  appender.state_ = std::move(state);
  return appender;
}

Result<void> SafetensorsAppender::add(std::string name, const TensorView& tensor) {
  SPEEDSTER_TRY(
      write_all(state_->spool.get(), {static_cast<const std::byte*>(tensor.data), tensor.bytes()}, state_->path));
  state_->bytes += tensor.bytes();
  state_->tensors.push_back({std::move(name), tensor.dtype, Shape(tensor.shape.begin(), tensor.shape.end())});
  return {};
}

std::uint64_t SafetensorsAppender::bytes() const { return state_->bytes; }

Result<void> SafetensorsAppender::finish() {
  SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(state_->path, state_->tensors));
  if (::lseek(state_->spool.get(), 0, SEEK_SET) != 0)
    return errno_error(errno, "safetensors", "a readable file", state_->path);
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  while (true) {
    SPEEDSTER_ASSIGN(const std::size_t got, read_some(state_->spool.get(), buffer, state_->path));
    if (got == 0) break;
    SPEEDSTER_TRY(writer.append(std::span(buffer).first(got)));
  }
  return writer.finish();
}

}  // namespace speedster
