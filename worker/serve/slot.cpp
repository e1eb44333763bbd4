#include "worker/serve/slot.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "job/wire.h"

namespace speedster::worker {
namespace {

constexpr std::uint64_t kStep = std::uint64_t{1} << 20U;

std::uint64_t rounded(std::uint64_t bytes, std::uint64_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

Slot::~Slot() {
  if (memory_ != nullptr) ::munmap(memory_, mapped_);
}

Result<void> Slot::grow(std::uint64_t bytes) {
  if (bytes <= mapped_) return {};
  const std::uint64_t wanted = rounded(bytes, kStep);
  constexpr int kFd = job::kFirstExtraDescriptor;
  if (::fcntl(kFd, F_GETFD) < 0)
    return Error(ErrorKind::kUsage, "[serve] expected shared memory on descriptor 5, got none");
  if (::ftruncate(kFd, static_cast<off_t>(wanted)) != 0)
    return errno_error(errno, "serve", "shared memory that grows", "outputs");
  void* memory = memory_ == nullptr ? ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_SHARED, kFd, 0)
                                    : ::mremap(memory_, mapped_, wanted, MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) return errno_error(errno, "serve", "shared memory that can be mapped", "outputs");
  memory_ = static_cast<std::byte*>(memory);
  mapped_ = wanted;
  return {};
}

Result<Json> Slot::add(const std::vector<TensorView>& outputs) {
  Json described = Json::array();
  for (const TensorView& output : outputs) {
    const std::uint64_t offset = rounded(used_, Tensor::kAlignment), bytes = output.bytes();
    SPEEDSTER_TRY(grow(std::max<std::uint64_t>(offset + bytes, 1)));
    if (bytes > 0) std::memcpy(memory_ + offset, output.data, bytes);
    used_ = offset + bytes;
    described.push_back({{"dtype", name(output.dtype)},
                         {"shape", std::vector<std::int64_t>(output.shape.begin(), output.shape.end())},
                         {"offset", offset},
                         {"bytes", bytes}});
  }
  return described;
}

}  // namespace speedster::worker
