/// The shapes of a batched matrix product: vectors are promoted, batch axes broadcast.
#pragma once
#include "reference/broadcast.h"

namespace speedster::reference {

struct MatrixShapes {
  std::int64_t m = 1, k = 1, n = 1;
  Broadcast<2> batch;
  Shape result;
};

inline MatrixShapes matrix_shapes(const Call& call, const Shape& a, const Shape& b) {
  const auto fail = [&] { call.fail("matrices that multiply", a.text() + " and " + b.text()); };
  if (a.rank() == 0 || b.rank() == 0) fail();
  MatrixShapes shapes;
  const bool row = a.rank() == 1, column = b.rank() == 1;
  if (!row) shapes.m = a[a.rank() - 2];
  shapes.k = a[a.rank() - 1];
  if (!column) shapes.n = b[b.rank() - 1];
  if (b[column ? 0 : b.rank() - 2] != shapes.k) fail();
  const Shape left(a.span().first(static_cast<std::size_t>(std::max(a.rank() - 2, 0))));
  const Shape right(b.span().first(static_cast<std::size_t>(std::max(b.rank() - 2, 0))));
  shapes.batch = broadcast<2>(call, {&left, &right});
  shapes.result = shapes.batch.shape;
  if (!row) shapes.result.push_back(shapes.m);
  if (!column) shapes.result.push_back(shapes.n);
  return shapes;
}

/// f(batch, matrix of a, matrix of b) for each product, counted in whole matrices.
template <typename F>
void for_each_matrix(const MatrixShapes& shapes, F&& f) {
  shapes.batch.rows([&](std::int64_t start, const auto& offset, const auto& step, std::int64_t length) {
    for (std::int64_t i = 0; i < length; ++i) f(start + i, offset[0] + i * step[0], offset[1] + i * step[1]);
  });
}

}  // namespace speedster::reference
