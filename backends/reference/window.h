/// Sliding windows over one or two spatial axes: what convolutions and pools have in common. One spatial axis is
/// treated as two, the first of extent 1.
#pragma once
#include "reference/kernel.h"

namespace speedster::reference {

struct Window {
  std::int64_t batch = 0, channels = 0;
  struct Axis {
    std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0;  // begin, end: padding
    /// The input position of kernel element `k` in window `o`; outside [0, in) it is padding.
    std::int64_t at(std::int64_t o, std::int64_t k) const { return o * stride - begin + k * dilation; }
    /// The windows [first, last) in which kernel element `k` meets the input.
    std::pair<std::int64_t, std::int64_t> windows(std::int64_t k) const {
      const std::int64_t shift = begin - k * dilation;
      const std::int64_t first = shift <= 0 ? 0 : (shift + stride - 1) / stride;
      const std::int64_t last = in + shift <= 0 ? 0 : (in + shift + stride - 1) / stride;
      return {std::min(first, out), std::max(std::min(last, out), std::min(first, out))};
    }
  } y, x;
  std::int64_t in_plane() const { return y.in * x.in; }
  std::int64_t out_plane() const { return y.out * x.out; }
};

/// Reads strides, dilations, pads, auto_pad and ceil_mode of the node. `kernel` is the kernel's spatial extents.
/// SP_SHAPE for a rank other than 3 or 4, or for windows that do not fit.
Window read_window(const Call& call, const Shape& input, std::span<const std::int64_t> kernel, bool transposed = false);
/// [batch, channels, out…] with the input's rank.
Shape window_result(const Window& window, std::int64_t channels, int rank);

}  // namespace speedster::reference
