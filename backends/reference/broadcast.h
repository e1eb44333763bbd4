/// Numpy-style broadcasting: several tensors walked together, row by row of the result's last axis.
#pragma once
#include <array>
#include <cstdint>

#include "reference/kernel.h"

namespace speedster::reference {

template <std::size_t N>
struct Broadcast {
  Shape shape;
  std::array<std::array<std::int64_t, kMaxRank>, N> strides{};  ///< in elements, 0 where an operand is repeated

  /// row(start, offsets, steps, length): `length` result elements from `start`; operand n's are offsets[n] + i *
  /// steps[n].
  template <typename Row>
  void rows(Row row) const {
    const int last = shape.rank() - 1;
    const std::int64_t total = shape.count(), length = last < 0 ? 1 : shape[last];
    std::array<std::int64_t, N> offsets{}, steps{};
    for (std::size_t n = 0; n < N && last >= 0; ++n) steps[n] = strides[n][static_cast<std::size_t>(last)];
    std::array<std::int64_t, kMaxRank> index{};
    for (std::int64_t start = 0; start < total; start += length) {
      row(start, offsets, steps, length);
      for (int axis = last - 1; axis >= 0; --axis) {
        const auto a = static_cast<std::size_t>(axis);
        ++index[a];
        for (std::size_t n = 0; n < N; ++n) offsets[n] += strides[n][a];
        if (index[a] < shape[axis]) break;
        for (std::size_t n = 0; n < N; ++n) offsets[n] -= strides[n][a] * shape[axis];
        index[a] = 0;
      }
    }
  }
};

/// SP_SHAPE where the operands do not fit each other.
template <std::size_t N>
Broadcast<N> broadcast(const Call& call, const std::array<const Shape*, N>& operands) {
  int rank = 0;
  for (const Shape* operand : operands) rank = std::max(rank, operand->rank());
  Broadcast<N> result;
  for (int axis = 0; axis < rank; ++axis) {
    std::int64_t extent = 1;
    for (const Shape* operand : operands) {
      const int own = axis - rank + operand->rank();
      if (own < 0 || (*operand)[own] == 1) continue;
      if (extent != 1 && extent != (*operand)[own])
        call.fail("shapes that broadcast", operands[0]->text() + " and " + operand->text());
      extent = (*operand)[own];
    }
    result.shape.push_back(extent);
  }
  for (std::size_t n = 0; n < N; ++n) {
    std::int64_t stride = 1;
    for (int own = operands[n]->rank() - 1; own >= 0; --own) {
      const std::int64_t extent = (*operands[n])[own];
      result.strides[n][static_cast<std::size_t>(own + rank - operands[n]->rank())] = extent == 1 ? 0 : stride;
      stride *= extent;
    }
  }
  return result;
}

}  // namespace speedster::reference
