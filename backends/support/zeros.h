/// Executes a model on zeros, for what only an execution can show.
#pragma once
#include <speedster/backend.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "support/error.h"
#include "support/shape_memory.h"
#include "support/tensor.h"

namespace speedster::plugin {

/// The inputs' shapes with every free axis at `extent`, but a first axis at 1: it is the batch more often than not.
inline std::vector<Shape> free_axes_at(const sp_signature& signature, std::int64_t extent) {
  std::vector<Shape> shapes;
  for (std::uint32_t i = 0; i < signature.inputs; ++i) {
    const sp_tensor_info& info = *signature.input[i];
    Shape& shape = shapes.emplace_back(info.shape, info.shape + std::max(info.rank, 0));
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      if (shape[axis] < 0) shape[axis] = axis == 0 ? 1 : extent;
  }
  return shapes;
}

/// `Context` has bind_input(index, tensor) and execute(run). False where the model refuses these shapes or they are too
/// large to try.
template <typename Context>
bool execute_on_zeros(Context& context, const sp_signature& signature, const std::vector<Shape>& shapes) {
  constexpr std::uint64_t kInputLimit = std::uint64_t{1} << 30U;
  std::vector<std::shared_ptr<void>> memory;
  try {
    for (std::uint32_t i = 0; i < signature.inputs; ++i) {
      const sp_tensor_info& info = *signature.input[i];
      const auto bytes = byte_count(info.dtype, shapes[i]);
      if (!bytes || *bytes > kInputLimit) return false;
      memory.push_back(allocate(*bytes));
      std::memset(memory.back().get(), 0, *bytes);
      const DLTensor tensor = {memory.back().get(),
                               {kDLCPU, 0},
                               static_cast<std::int32_t>(shapes[i].size()),
                               info.dtype,
                               const_cast<std::int64_t*>(shapes[i].data()),
                               nullptr,
                               0};
      context.bind_input(i, &tensor);
    }
    context.execute(nullptr);
  } catch (const Failure&) {
    return false;
  }
  return true;
}

/// Extents that are tried for free axes, in this order: small ones are cheap, pooling pyramids need larger ones.
inline constexpr std::int64_t kExtentsToTry[] = {1, 8, 32, 48, 64, 224, 320};

}  // namespace speedster::plugin
