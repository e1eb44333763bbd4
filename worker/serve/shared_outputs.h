/// Outputs written into the memory that parent and child share (descriptor 5).
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>

#include "base/json.h"

namespace speedster::worker {

/// A slot that grows when one sample needs more than it has.
class SharedOutputs {
 public:
  explicit SharedOutputs(int descriptor) : descriptor_(descriptor) {}
  ~SharedOutputs();
  SharedOutputs(const SharedOutputs&) = delete;
  SharedOutputs& operator=(const SharedOutputs&) = delete;

  /// Begins a new slot of at least `bytes`.
  Result<void> begin(std::uint64_t bytes);
  /// True where so many bytes more still fit.
  bool fits(std::uint64_t bytes) const { return used_ + padded(bytes) <= size_; }
  /// Copies a tensor in, growing the slot where needed; its place as the reply has it.
  Result<Json> add(const TensorView& tensor);
  std::uint64_t size() const { return size_; }

 private:
  static std::uint64_t padded(std::uint64_t bytes) { return (bytes + 63) / 64 * 64; }
  Result<void> grow(std::uint64_t bytes);
  int descriptor_;
  void* map_ = nullptr;
  std::uint64_t size_ = 0, used_ = 0;
};

}  // namespace speedster::worker
