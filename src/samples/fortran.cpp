#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/files.h"
#include "samples/npy.h"

namespace speedster::samples {
namespace {

/// Gathers a column-major array, which lies in a mapped file, in row-major order.
class FortranStream final : public Stream {
 public:
  FortranStream(MappedFile map, const NpyHeader& header)
      : map_(std::move(map)),
        shape_(header.shape),
        index_(header.shape.size(), 0),
        item_(byte_size(header.dtype)),
        left_(header.data_bytes) {
    std::size_t stride = item_;
    for (std::int64_t size : shape_) {
      strides_.push_back(stride);
      stride *= static_cast<std::size_t>(size);
    }
  }

  Result<void> read(std::span<std::byte> to) override {
    if (to.size() > left_ || to.size() % item_ != 0)
      return Error(ErrorKind::kInternal,
                   "[samples] expected a read of whole elements, got one of " + std::to_string(to.size()) + " bytes");
    left_ -= to.size();
    for (std::size_t done = 0; done < to.size(); done += item_) {
      std::memcpy(to.data() + done, map_.bytes().data() + offset_, item_);
      for (std::size_t axis = shape_.size(); axis-- > 0;) {
        offset_ += strides_[axis];
        if (++index_[axis] < shape_[axis]) break;
        offset_ -= strides_[axis] * static_cast<std::size_t>(shape_[axis]);
        index_[axis] = 0;
      }
    }
    return {};
  }

 private:
  MappedFile map_;
  Shape shape_, index_;
  std::vector<std::size_t> strides_;
  std::size_t item_, offset_ = 0;
  std::uint64_t left_;
};

}  // namespace

Result<std::unique_ptr<Stream>> row_major(std::unique_ptr<Stream> elements, const NpyHeader& header) {
  // One axis at most that is longer than 1: both orders are the same.
  const bool same = std::ranges::count_if(header.shape, [](std::int64_t size) { return size != 1; }) <= 1;
  if (!header.fortran_order || same || header.data_bytes == 0) return elements;

  SPEEDSTER_ASSIGN(const TempDir folder, TempDir::create("speedster-fortran"));
  SPEEDSTER_ASSIGN(const std::uint64_t free, free_space(folder.path()));
  if (header.data_bytes > free)
    return Error(ErrorKind::kNoSpace, "[samples] expected room for " + std::to_string(header.data_bytes) +
                                          " bytes to turn an array in Fortran order, got " + std::to_string(free) +
                                          " in " + folder.path().string() +
                                          "; try np.ascontiguousarray(x) or another TMPDIR");
  const fs::path path = folder.path() / "array";
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(errno, "samples", "a temporary file", path);
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  for (std::uint64_t left = header.data_bytes; left > 0;) {
    const auto piece = std::span(buffer).first(std::min<std::uint64_t>(left, buffer.size()));
    SPEEDSTER_TRY(elements->read(piece));
    SPEEDSTER_TRY(write_all(fd.get(), piece, path));
    left -= piece.size();
  }
  SPEEDSTER_ASSIGN(MappedFile map, MappedFile::open(path));
  return std::unique_ptr<Stream>(std::make_unique<FortranStream>(std::move(map), header));
}

}  // namespace speedster::samples
