/// The convolution loop, for floats (accumulated in double) and quantized integers (accumulated in 64 bits).
#pragma once
#include <algorithm>

#include "reference/window.h"

namespace speedster::reference {

/// Checks input [N, C, …] against weights [M, C / group, …]; returns the group.
inline std::int64_t check_convolution(const Call& call, const Shape& input, const Shape& weights) {
  const std::int64_t group = call.node().integer("group", 1);
  if (input.rank() != weights.rank() || input.rank() < 3)
    call.fail("input and weights of one rank from 3", input.text() + " and " + weights.text());
  if (group < 1 || weights[0] % group != 0 || input[1] % group != 0 || weights[1] != input[1] / group)
    call.fail("channels that fit " + std::to_string(group) + " groups", input.text() + " and " + weights.text());
  return group;
}

/// emit(n, m, plane) receives each finished output plane; x(index) and w(index) give elements less their zero points.
template <typename C, typename X, typename W, typename Start, typename Emit>
void convolve(const Call& call, const Window& window, std::int64_t filters, std::int64_t group, std::span<C> plane, X x,
              W w, Start start, Emit emit) {
  const std::int64_t depth = window.channels / group, per_group = filters / group;
  const std::int64_t taps = window.y.kernel * window.x.kernel;
  for (std::int64_t n = 0; n < window.batch; ++n) {
    for (std::int64_t m = 0; m < filters; ++m) {
      call.poll();
      std::fill(plane.begin(), plane.end(), start(m));
      for (std::int64_t c = 0; c < depth; ++c) {
        const std::int64_t source = (n * window.channels + m / per_group * depth + c) * window.in_plane();
        for (std::int64_t tap = 0; tap < taps; ++tap) {
          const std::int64_t ky = tap / window.x.kernel, kx = tap % window.x.kernel;
          const C weight = w(m, (m * depth + c) * taps + tap);
          const auto [y_first, y_last] = window.y.windows(ky);
          const auto [x_first, x_last] = window.x.windows(kx);
          for (std::int64_t oy = y_first; oy < y_last; ++oy) {
            const std::int64_t line = source + window.y.at(oy, ky) * window.x.in + window.x.at(0, kx);
            C* target = plane.data() + oy * window.x.out;
            for (std::int64_t ox = x_first; ox < x_last; ++ox)
              target[ox] = add(target[ox], multiply(weight, x(line + ox * window.x.stride)));
          }
        }
      }
      emit(n, m);
    }
  }
}

}  // namespace speedster::reference
