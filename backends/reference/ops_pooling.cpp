/// Pools over windows, and over whole planes.
#include <cmath>

#include "reference/window.h"

namespace speedster::reference {
namespace {

/// fold(total, value) over the elements of each window; finish(total, elements, padded elements).
template <typename Fold, typename Finish>
void pool(Call& call, double start, Fold fold, Finish finish) {
  const Value& input = call.in(0);
  const Window window = read_window(call, input.shape(), call.node().integers("kernel_shape"));
  const Value& out = call.out(0, input.type(), window_result(window, window.channels, input.shape().rank()));
  if (out.count() == 0) return;
  const auto padded = [](const Window::Axis& axis, std::int64_t at) {
    return at >= -axis.begin && at < axis.in + axis.end;
  };
  call.require_type(visit_number(input.type(),
                                 [&]<typename T>() {
                                   for (std::int64_t p = 0; p < window.batch * window.channels; ++p) {
                                     call.poll();
                                     const T* plane = input.as<T>() + p * window.in_plane();
                                     for (std::int64_t o = 0; o < window.out_plane(); ++o) {
                                       double total = start;
                                       std::int64_t elements = 0, with_padding = 0;
                                       for (std::int64_t ky = 0; ky < window.y.kernel; ++ky) {
                                         for (std::int64_t kx = 0; kx < window.x.kernel; ++kx) {
                                           const std::int64_t iy = window.y.at(o / window.x.out, ky),
                                                              ix = window.x.at(o % window.x.out, kx);
                                           with_padding += padded(window.y, iy) && padded(window.x, ix);
                                           if (iy < 0 || iy >= window.y.in || ix < 0 || ix >= window.x.in) continue;
                                           total = fold(total, static_cast<double>(load(plane[iy * window.x.in + ix])));
                                           ++elements;
                                         }
                                       }
                                       store(out.as<T>()[p * window.out_plane() + o],
                                             static_cast<Compute<T>>(finish(total, elements, with_padding)));
                                     }
                                   }
                                 }),
                    input.type());
}

double larger(double a, double b) { return b > a || std::isnan(b) ? b : a; }

void max_pool(Call& call) {
  if (call.node().outputs.size() > 1 && !call.node().outputs[1].empty()) call.unsupported("the output Indices");
  const bool integers = !visit_float(call.in(0).type(), []<typename T>() {});
  pool(call, integers ? -0x1p62 : -INFINITY, larger, [](double total, std::int64_t, std::int64_t) { return total; });
}

void average_pool(Call& call) {
  const bool all = call.node().integer("count_include_pad", 0) != 0;
  pool(
      call, 0, [](double a, double b) { return a + b; },
      [all](double total, std::int64_t elements, std::int64_t padded) {
        return total / static_cast<double>(all ? padded : elements);
      });
}

template <bool Average>
void global_pool(Call& call) {
  const Value& input = call.in(0);
  const int rank = input.shape().rank();
  if (rank < 2) call.fail("a rank of at least 2", input.shape().text());
  Shape result = input.shape();
  for (int axis = 2; axis < rank; ++axis) result[axis] = 1;
  const std::int64_t plane = input.shape().product(2, rank);
  const Value& out = call.out(0, input.type(), result);
  call.require_type(visit_float(input.type(),
                                [&]<typename T>() {
                                  for (std::int64_t p = 0; p < result.count(); ++p) {
                                    double total = Average ? 0 : -INFINITY;
                                    for (std::int64_t i = 0; i < plane; ++i) {
                                      const double value = load(input.as<T>()[p * plane + i]);
                                      total = Average ? total + value : larger(total, value);
                                    }
                                    store(out.as<T>()[p], Average ? total / static_cast<double>(plane) : total);
                                  }
                                }),
                    input.type());
}

}  // namespace

std::span<const Operator> pooling_operators() {
  static constexpr Operator kTable[] = {
      {"MaxPool", max_pool, 1, 2},
      {"AveragePool", average_pool, 1, 1},
      {"GlobalAveragePool", global_pool<true>, 1, 1},
      {"GlobalMaxPool", global_pool<false>, 1, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
