/// Reductions over axes, ArgMax, ArgMin and TopK.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference/kernel.h"

namespace speedster::reference {
namespace {

/// How values are folded: a start, a step, and what becomes of the total of `n` values.
struct Sum {
  template <typename C>
  static C start() {
    return 0;
  }
  template <typename C>
  static C step(C total, C value) {
    return add(total, value);
  }
  template <typename C>
  static C finish(C total, std::int64_t) {
    return total;
  }
};
struct Mean : Sum {
  template <typename C>
  static C finish(C total, std::int64_t n) {
    if constexpr (std::is_same_v<C, double>)
      return total / static_cast<double>(n);
    else
      return n == 0 ? C{0} : total / static_cast<C>(n);
  }
};
struct SumSquare : Sum {
  template <typename C>
  static C step(C total, C value) {
    return add(total, multiply(value, value));
  }
};
struct L1 : Sum {
  template <typename C>
  static C step(C total, C value) {
    return add(total, value < C{0} ? subtract(C{0}, value) : value);
  }
};
struct L2 : SumSquare {
  template <typename C>
  static C finish(C total, std::int64_t) {
    return static_cast<C>(std::sqrt(static_cast<double>(total)));
  }
};
struct Product : Sum {
  template <typename C>
  static C start() {
    return 1;
  }
  template <typename C>
  static C step(C total, C value) {
    return multiply(total, value);
  }
};
struct Largest : Sum {
  template <typename C>
  static C start() {
    return std::is_same_v<C, double> ? static_cast<C>(-INFINITY) : std::numeric_limits<C>::lowest();
  }
  template <typename C>
  static C step(C total, C value) {
    return value > total || value != value ? value : total;
  }
};
struct Smallest : Sum {
  template <typename C>
  static C start() {
    return std::is_same_v<C, double> ? static_cast<C>(INFINITY) : std::numeric_limits<C>::max();
  }
  template <typename C>
  static C step(C total, C value) {
    return value < total || value != value ? value : total;
  }
};

template <typename F>
void reduce(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  const Shape axes = call.axes(1, "axes", rank);
  if (axes.rank() == 0 && call.node().integer("noop_with_empty_axes", 0) != 0) return call.alias(0, x);
  bool reduced[kMaxRank] = {};
  for (int i = 0; i < rank; ++i) reduced[i] = axes.rank() == 0;
  for (const std::int64_t axis : axes.span()) reduced[axis] = true;

  const bool keep = call.node().integer("keepdims", 1) != 0;
  Shape kept, result;
  std::int64_t folded = 1;
  for (int i = 0; i < rank; ++i) {
    kept.push_back(reduced[i] ? 1 : x.shape()[i]);
    if (reduced[i]) folded *= x.shape()[i];
    if (!reduced[i] || keep) result.push_back(kept[i]);
  }
  std::int64_t strides[kMaxRank] = {};  // of the result along the input's axes, 0 along reduced ones
  for (std::int64_t i = rank - 1, stride = 1; i >= 0; stride *= kept[static_cast<int>(i)], --i)
    strides[i] = reduced[i] ? 0 : stride;

  const Value& out = call.out(0, x.type(), result);
  call.require_type(visit_number(x.type(),
                                 [&]<typename T>() {
                                   using C = Compute<T>;
                                   Value holder;
                                   const auto totals = call.scratch<C>(holder, result.count());
                                   std::fill(totals.begin(), totals.end(), F::template start<C>());
                                   std::int64_t index[kMaxRank] = {}, target = 0;
                                   for (std::int64_t i = 0, count = x.count(); i < count; ++i) {
                                     C& total = totals[static_cast<std::size_t>(target)];
                                     total = F::step(total, load(x.as<T>()[i]));
                                     for (int axis = rank - 1; axis >= 0; --axis) {
                                       target += strides[axis];
                                       if (++index[axis] < x.shape()[axis]) break;
                                       target -= strides[axis] * index[axis];
                                       index[axis] = 0;
                                     }
                                   }
                                   for (std::size_t i = 0; i < totals.size(); ++i)
                                     store(out.as<T>()[i], F::finish(totals[i], folded));
                                 }),
                    x.type());
}

template <bool Maximum>
void arg_extreme(Call& call) {
  const Value& x = call.in(0);
  const int axis = call.axis(call.node().integer("axis", 0), x.shape().rank());
  const bool keep = call.node().integer("keepdims", 1) != 0, last = call.node().integer("select_last_index", 0) != 0;
  const std::int64_t outer = x.shape().product(0, axis), length = x.shape()[axis],
                     inner = x.shape().product(axis + 1, x.shape().rank());
  if (length == 0 && outer * inner != 0) call.fail("an axis with elements", x.shape().text());
  Shape result;
  for (int i = 0; i < x.shape().rank(); ++i) {
    if (i != axis)
      result.push_back(x.shape()[i]);
    else if (keep)
      result.push_back(1);
  }
  const Value& out = call.out(0, Type::kInt64, result);
  call.require_type(visit_number(x.type(),
                                 [&]<typename T>() {
                                   for (std::int64_t o = 0; o < outer; ++o) {
                                     for (std::int64_t i = 0; i < inner; ++i) {
                                       const T* line = x.as<T>() + o * length * inner + i;
                                       std::int64_t best = 0;
                                       for (std::int64_t k = 1; k < length; ++k) {
                                         const auto value = load(line[k * inner]), leader = load(line[best * inner]);
                                         if ((Maximum ? value > leader : value < leader) || (last && value == leader))
                                           best = k;
                                       }
                                       out.as<std::int64_t>()[o * inner + i] = best;
                                     }
                                   }
                                 }),
                    x.type());
}

void top_k(Call& call) {
  const Value& x = call.in(0);
  const int axis = call.axis(call.node().integer("axis", -1), x.shape().rank());
  const bool largest = call.node().integer("largest", 1) != 0;
  const std::int64_t k = call.integer_at(1, 0), length = x.shape()[axis];
  if (k < 0 || k > length) call.fail("k from 0 to " + std::to_string(length), std::to_string(k));
  const std::int64_t outer = x.shape().product(0, axis), inner = x.shape().product(axis + 1, x.shape().rank());
  Shape result = x.shape();
  result[axis] = k;
  const Value& values = call.out(0, x.type(), result);
  const Value& indices = call.out(1, Type::kInt64, result);
  if (values.count() == 0) return;
  call.require_type(
      visit_number(x.type(),
                   [&]<typename T>() {
                     Value holder;
                     const auto order = call.scratch<std::int64_t>(holder, length);
                     for (std::int64_t o = 0; o < outer; ++o) {
                       for (std::int64_t i = 0; i < inner; ++i) {
                         const T* line = x.as<T>() + o * length * inner + i;
                         std::iota(order.begin(), order.end(), 0);
                         std::partial_sort(order.begin(), order.begin() + k, order.end(),
                                           [&](std::int64_t a, std::int64_t b) {
                                             const auto left = load(line[a * inner]), right = load(line[b * inner]);
                                             return left == right ? a < b : largest ? left > right : left < right;
                                           });
                         for (std::int64_t j = 0; j < k; ++j) {
                           const std::int64_t to = (o * k + j) * inner + i, from = order[static_cast<std::size_t>(j)];
                           values.as<T>()[to] = line[from * inner];
                           indices.as<std::int64_t>()[to] = from;
                         }
                       }
                     }
                   }),
      x.type());
}

}  // namespace

std::span<const Operator> reduction_operators() {
  static constexpr Operator kTable[] = {
      {"ReduceSum", reduce<Sum>, 1, 1},
      {"ReduceMean", reduce<Mean>, 1, 1},
      {"ReduceMax", reduce<Largest>, 1, 1},
      {"ReduceMin", reduce<Smallest>, 1, 1},
      {"ReduceProd", reduce<Product>, 1, 1},
      {"ReduceSumSquare", reduce<SumSquare>, 1, 1},
      {"ReduceL1", reduce<L1>, 1, 1},
      {"ReduceL2", reduce<L2>, 1, 1},
      {"ArgMax", arg_extreme<true>, 1, 1, ResultType::kInt64},
      {"ArgMin", arg_extreme<false>, 1, 1, ResultType::kInt64},
      {"TopK", top_k, 2, 2},
  };
  return kTable;
}

}  // namespace speedster::reference
