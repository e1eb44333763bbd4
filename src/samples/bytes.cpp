#include "samples/bytes.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"

namespace speedster::samples {
namespace {

class FileBytes final : public Bytes {
 public:
  FileBytes(UniqueFd fd, std::uint64_t size, fs::path path) : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
    std::size_t done = 0;
    while (done < to.size() && offset + done < size_) {
      const ssize_t got = ::pread(fd_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      if (got == 0) break;
      if (got > 0)
        done += static_cast<std::size_t>(got);
      else if (errno != EINTR)
        return errno_error(errno, "samples", "readable bytes", path_);
    }
    return done;
  }

 private:
  UniqueFd fd_;
  std::uint64_t size_;
  fs::path path_;
};

class MemoryBytes final : public Bytes {
 public:
  explicit MemoryBytes(std::span<const std::byte> memory) : memory_(memory) {}
  std::uint64_t size() const override { return memory_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
    if (offset >= memory_.size()) return std::size_t{0};
    const auto piece = memory_.subspan(offset, std::min<std::size_t>(to.size(), memory_.size() - offset));
    std::ranges::copy(piece, to.begin());
    return piece.size();
  }

 private:
  std::span<const std::byte> memory_;
};

class BytesStream final : public Stream {
 public:
  BytesStream(std::shared_ptr<const Bytes> bytes, std::string who) : bytes_(std::move(bytes)), who_(std::move(who)) {}
  Result<void> read(std::span<std::byte> to) override {
    SPEEDSTER_ASSIGN(const std::size_t got, bytes_->read_at(offset_, to));
    offset_ += got;
    if (got == to.size()) return {};
    return Error(ErrorKind::kBadInput, "[samples] expected more bytes in " + who_ + ", got its end at " +
                                           std::to_string(offset_) + "; try to write or copy the file again");
  }

 private:
  std::shared_ptr<const Bytes> bytes_;
  std::string who_;
  std::uint64_t offset_ = 0;
};

}  // namespace

Result<std::shared_ptr<const Bytes>> open_bytes(const std::filesystem::path& path) {
  SPEEDSTER_ASSIGN(UniqueFd fd, open_for_reading(path));
  SPEEDSTER_ASSIGN(const std::uint64_t size, speedster::file_size(path));
  return std::shared_ptr<const Bytes>(std::make_shared<FileBytes>(std::move(fd), size, path));
}

std::shared_ptr<const Bytes> memory_bytes(std::span<const std::byte> memory) {
  return std::make_shared<MemoryBytes>(memory);
}

std::unique_ptr<Stream> stream(std::shared_ptr<const Bytes> bytes, std::string who) {
  return std::make_unique<BytesStream>(std::move(bytes), std::move(who));
}

}  // namespace speedster::samples
