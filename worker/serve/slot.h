/// The memory that this process shares with its parent (descriptor 5, a memfd): outputs lie in it, the parent maps it.
#pragma once
#include <speedster/tensor.h>

#include <cstdint>
#include <vector>

#include "base/json.h"

namespace speedster::worker {

class Slot {
 public:
  Slot() = default;
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// Forgets what is in it; the memory stays.
  void clear() { used_ = 0; }
  /// Copies the outputs of one sample in, growing the memory where it must. Returns their description:
  /// [{"dtype", "shape", "offset", "bytes"}, …].
  Result<Json> add(const std::vector<TensorView>& outputs);
  std::uint64_t used() const { return used_; }
  std::uint64_t mapped() const { return mapped_; }

 private:
  Result<void> grow(std::uint64_t bytes);
  std::byte* memory_ = nullptr;
  std::uint64_t mapped_ = 0, used_ = 0;
};

}  // namespace speedster::worker
