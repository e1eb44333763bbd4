#include "onnx/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace speedster::onnx_model {
namespace {

constexpr std::size_t kWindow = std::size_t{4} << 10U;
constexpr std::size_t kPiece = std::size_t{1} << 20U;

}  // namespace

Result<std::shared_ptr<const ByteSource>> ByteSource::open(const std::filesystem::path& path) {
  auto source = std::make_shared<ByteSource>();
  SPEEDSTER_ASSIGN(source->fd_, open_for_reading(path));
  struct stat status{};
  if (::fstat(source->fd_.get(), &status) != 0) return errno_error(errno, "onnx", "a readable file", path);
  source->size_ = static_cast<std::uint64_t>(status.st_size);
  source->path_ = path;
  return std::shared_ptr<const ByteSource>(std::move(source));
}

std::shared_ptr<const ByteSource> ByteSource::memory(std::string bytes) {
  auto source = std::make_shared<ByteSource>();
  source->size_ = bytes.size();
  source->bytes_ = std::move(bytes);
  return source;
}

Result<std::shared_ptr<ByteSource>> ByteSource::scratch() {
  SPEEDSTER_ASSIGN(const TempDir folder, TempDir::create("onnx"));
  auto source = std::make_shared<ByteSource>();
  source->path_ = folder.path() / "scratch";
  source->fd_ = UniqueFd(::open(source->path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!source->fd_.valid()) return errno_error(errno, "onnx", "a folder for temporary files", folder.path());
  return source;  // the folder goes with its name; the file stays as long as it is open
}

Result<std::uint64_t> ByteSource::append(std::span<const std::byte> bytes) {
  const std::uint64_t begin = size_;
  auto written = write_all(fd_.get(), bytes, path_);
  if (!written) {
    [[maybe_unused]] const int given_back = ::ftruncate(fd_.get(), static_cast<off_t>(begin));  // others need the room
    return std::move(written).error();
  }
  size_ += bytes.size();
  return begin;
}

Result<void> ByteSource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset)
    return Error(ErrorKind::kBadInput, "[onnx] expected " + std::to_string(out.size()) + " bytes at " +
                                           std::to_string(offset) + ", got " + std::to_string(size_) + " bytes in " +
                                           describe());
  if (!fd_.valid()) {
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return {};
  }
  while (!out.empty()) {
    const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, "onnx", "a readable file", path_);
    if (got == 0)
      return Error(ErrorKind::kBadInput, "[onnx] expected " + std::to_string(size_) + " bytes, got an end at " +
                                             std::to_string(offset) + " in " + describe() +
                                             "; it changed while it was read");
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<void> ByteSource::stream(std::uint64_t offset, std::uint64_t length, const Sink& sink) const {
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(length, kPiece)));
  while (length > 0) {
    const std::span<std::byte> part =
        std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(length, piece.size())));
    SPEEDSTER_TRY(read(offset, part));
    SPEEDSTER_TRY(sink(part));
    offset += part.size();
    length -= part.size();
  }
  return {};
}

bool ByteCursor::load(std::uint64_t at) {
  if (at >= base_ && at - base_ < window_.size()) return true;
  if (at >= source_.size()) return false;
  window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kWindow, source_.size() - at)));
  base_ = at;
  if (source_.read(at, window_)) return true;
  window_.clear();
  return false;
}

Result<void> ByteCursor::copy(std::uint64_t begin, std::uint64_t end, std::string& out) {
  const std::size_t length = static_cast<std::size_t>(end - begin), before = out.size();
  out.resize(before + length);
  const std::span<std::byte> target = std::as_writable_bytes(std::span(out).subspan(before));
  // Most fields are a few bytes in the window that was just parsed.
  if (length <= kWindow / 2 && length > 0 && load(begin)) {
    const std::size_t offset = static_cast<std::size_t>(begin - base_);
    if (offset + length <= window_.size()) {
      std::memcpy(target.data(), window_.data() + offset, length);
      return {};
    }
  }
  return source_.read(begin, target);
}

}  // namespace speedster::onnx_model
