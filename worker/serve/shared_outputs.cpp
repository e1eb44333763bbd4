#include "worker/serve/shared_outputs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/files.h"

namespace speedster::worker {

SharedOutputs::~SharedOutputs() {
  if (map_ != nullptr) ::munmap(map_, size_);
}

Result<void> SharedOutputs::grow(std::uint64_t bytes) {
  if (bytes <= size_) return {};
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return errno_error(errno, "serve", "shared memory", "outputs");
  if (map_ != nullptr) ::munmap(map_, size_);
  map_ = nullptr;
  size_ = 0;
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (mapped == MAP_FAILED) return errno_error(errno, "serve", "shared memory", "outputs");
  map_ = mapped;
  size_ = bytes;
  return {};
}

Result<void> SharedOutputs::begin(std::uint64_t bytes) {
  used_ = 0;
  return grow(bytes);
}

Result<Json> SharedOutputs::add(const TensorView& tensor) {
  const std::uint64_t bytes = tensor.bytes();
  if (!fits(bytes)) SPEEDSTER_TRY(grow(used_ + padded(bytes)));
  if (bytes > 0) std::memcpy(static_cast<std::byte*>(map_) + used_, tensor.data, bytes);
  Json place = {{"dtype", name(tensor.dtype)}, {"shape", Shape(tensor.shape.begin(), tensor.shape.end())}, {"offset", used_}, {"bytes", bytes}};
  used_ += padded(bytes);
  return place;
}

}  // namespace speedster::worker
