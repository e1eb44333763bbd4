/// Matrix products, accumulated in double (or 64-bit integers) and rounded once.
#include <algorithm>

#include "reference/broadcast.h"
#include "reference/matrix.h"

namespace speedster::reference {
namespace {

void matmul(Call& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (a.type() != b.type()) call.fail("operands of one type", type_name(a.type()) + " and " + type_name(b.type()));
  const MatrixShapes shapes = matrix_shapes(call, a.shape(), b.shape());
  const Value& out = call.out(0, a.type(), shapes.result);
  if (out.count() == 0) return;
  call.require_type(visit_number(a.type(),
                                 [&]<typename T>() {
                                   Value holder;
                                   const auto row = call.scratch<Compute<T>>(holder, shapes.n);
                                   T* result = out.as<T>();
                                   for_each_matrix(shapes,
                                                   [&](std::int64_t batch, std::int64_t left, std::int64_t right) {
                                                     const T *x = a.as<T>() + left * shapes.m * shapes.k,
                                                             *y = b.as<T>() + right * shapes.k * shapes.n;
                                                     for (std::int64_t i = 0; i < shapes.m; ++i) {
                                                       call.poll();
                                                       std::fill(row.begin(), row.end(), Compute<T>{0});
                                                       for (std::int64_t k = 0; k < shapes.k; ++k) {
                                                         const auto scale = load(x[i * shapes.k + k]);
                                                         const T* line = y + k * shapes.n;
                                                         for (std::int64_t j = 0; j < shapes.n; ++j) {
                                                           auto& total = row[static_cast<std::size_t>(j)];
                                                           total = add(total, multiply(scale, load(line[j])));
                                                         }
                                                       }
                                                       T* target = result + (batch * shapes.m + i) * shapes.n;
                                                       for (std::int64_t j = 0; j < shapes.n; ++j)
                                                         store(target[j], row[static_cast<std::size_t>(j)]);
                                                     }
                                                   });
                                 }),
                    a.type());
}

void gemm(Call& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (a.shape().rank() != 2 || b.shape().rank() != 2)
    call.fail("two matrices", a.shape().text() + " and " + b.shape().text());
  if (a.type() != b.type()) call.fail("operands of one type", type_name(a.type()) + " and " + type_name(b.type()));
  const bool across = call.node().integer("transA", 0) != 0, along = call.node().integer("transB", 0) != 0;
  const std::int64_t m = a.shape()[across ? 1 : 0], k = a.shape()[across ? 0 : 1], n = b.shape()[along ? 0 : 1];
  if (b.shape()[along ? 1 : 0] != k) call.fail("matrices that multiply", a.shape().text() + " and " + b.shape().text());
  const Shape result{m, n}, none{};
  const bool has_bias = call.has(2);
  if (has_bias && call.in(2).type() != a.type())
    call.fail("a bias of the matrices' type", type_name(call.in(2).type()));
  const auto bias = broadcast<2>(call, {&result, has_bias ? &call.in(2).shape() : &none});
  if (!(bias.shape == result)) call.fail("a bias that broadcasts to " + result.text(), call.in(2).shape().text());
  const double alpha = call.node().real("alpha", 1), beta = call.node().real("beta", 1);
  const Value& out = call.out(0, a.type(), result);
  if (out.count() == 0) return;
  call.require_type(
      visit_number(a.type(),
                   [&]<typename T>() {
                     using C = Compute<T>;
                     Value holder;
                     const auto row = call.scratch<C>(holder, n);
                     for (std::int64_t i = 0; i < m; ++i) {
                       call.poll();
                       std::fill(row.begin(), row.end(), C{0});
                       for (std::int64_t p = 0; p < k; ++p) {
                         const C scale = load(a.as<T>()[across ? p * m + i : i * k + p]);
                         for (std::int64_t j = 0; j < n; ++j) {
                           auto& total = row[static_cast<std::size_t>(j)];
                           total = add(total, multiply(scale, load(b.as<T>()[along ? j * k + p : p * n + j])));
                         }
                       }
                       for (std::int64_t j = 0; j < n; ++j) {
                         C value = row[static_cast<std::size_t>(j)];
                         if (alpha != 1) value = static_cast<C>(alpha * static_cast<double>(value));
                         if (has_bias) {
                           const C addend = load(call.in(2).as<T>()[i * bias.strides[1][0] + j * bias.strides[1][1]]);
                           value = add(value, beta == 1 ? addend : static_cast<C>(beta * static_cast<double>(addend)));
                         }
                         store(out.as<T>()[i * n + j], value);
                       }
                     }
                   }),
      a.type());
}

}  // namespace

std::span<const Operator> linear_operators() {
  static constexpr Operator kTable[] = {
      {"MatMul", matmul, 2, 1},
      {"Gemm", gemm, 2, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
