/// Moving elements without looking at them.
#pragma once
#include <cstring>

#include "reference/kernel.h"

namespace speedster::reference {

/// An element of N bytes.
template <std::size_t N>
struct Blob {
  std::byte bytes[N];
};

/// Calls f with the blob of the type's size; SP_UNSUPPORTED for types below a byte, which only move whole.
template <typename F>
void visit_size(const Call& call, Type type, F&& f) {
  switch (element_bytes(type)) {
    case 1: return f.template operator()<Blob<1>>();
    case 2: return f.template operator()<Blob<2>>();
    case 4: return f.template operator()<Blob<4>>();
    case 8: return f.template operator()<Blob<8>>();
    case 16: return f.template operator()<Blob<16>>();
    default: call.unsupported("values of " + type_name(type));
  }
}

using Strides = std::array<std::int64_t, kMaxRank>;

inline Strides contiguous(const Shape& shape) {
  Strides strides{};
  std::int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/// Fills `out` with the elements of `in` that lie `strides` apart from `offset` on.
inline void copy_strided(const Call& call, const Value& in, const Value& out, const Strides& strides,
                         std::int64_t offset = 0) {
  const Shape& shape = out.shape();
  visit_size(call, in.type(), [&]<typename B>() {
    const B* source = in.as<B>() + offset;
    std::array<std::int64_t, kMaxRank> index{};
    for (std::int64_t i = 0, count = shape.count(); i < count; ++i) {
      out.as<B>()[i] = *source;
      for (int axis = shape.rank() - 1; axis >= 0; --axis) {
        const auto a = static_cast<std::size_t>(axis);
        if (++index[a] < shape[axis]) {
          source += strides[a];
          break;
        }
        source -= strides[a] * (shape[axis] - 1);
        index[a] = 0;
      }
    }
  });
}

}  // namespace speedster::reference
