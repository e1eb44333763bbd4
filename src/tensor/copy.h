/// Memory of one's own for what somebody else's memory holds.
#pragma once
#include <speedster/tensor.h>

#include <cstddef>

namespace speedster {

inline Tensor copy_of(const TensorView& view) {
  return Tensor::from<std::byte>(view.dtype, Shape(view.shape.begin(), view.shape.end()),
                                 {static_cast<const std::byte*>(view.data), view.bytes()});
}

}  // namespace speedster
