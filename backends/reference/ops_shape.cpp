/// Operators that change shapes or types, not values.
#include <cmath>

#include "reference/broadcast.h"
#include "reference/copy.h"

namespace speedster::reference {
namespace {

void identity(Call& call) { call.alias(0, call.in(0)); }

/// The mask, where it is wanted, is all true: dropout does nothing in inference.
void dropout(Call& call) {
  identity(call);
  const Value& mask = call.out(1, Type::kBool, call.in(0).shape());
  std::memset(mask.data(), 1, static_cast<std::size_t>(mask.count()));
}

void reshape(Call& call) {
  const Value& x = call.in(0);
  Shape target = call.has(1) ? call.integers(1) : Shape(call.node().integers("shape"));
  const bool zero_is_zero = call.node().integer("allowzero", 0) != 0;
  int open = -1;
  std::int64_t known = 1;
  for (int axis = 0; axis < target.rank(); ++axis) {
    if (target[axis] == 0 && !zero_is_zero) {
      if (axis >= x.shape().rank()) call.fail("an axis to copy", "0 at " + std::to_string(axis));
      target[axis] = x.shape()[axis];
    }
    if (target[axis] < -1 || (target[axis] == -1 && open >= 0))
      call.fail("extents with at most one -1", plugin::shape_text(target.span()));
    if (target[axis] == -1)
      open = axis;
    else if (__builtin_mul_overflow(known, target[axis], &known))
      call.fail("a shape that fits in memory", target.text());
  }
  if (open >= 0) target[open] = known == 0 ? 0 : x.count() / known;
  if (!fits(x.type(), target) || target.count() != x.count())
    call.fail("a shape of " + std::to_string(x.count()) + " elements", target.text());
  call.alias(0, x.reshaped(target));
}

void flatten(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  const std::int64_t given = call.node().integer("axis", 1), axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis > rank) call.fail("an axis of rank " + std::to_string(rank), std::to_string(given));
  const int split = static_cast<int>(axis);
  call.alias(0, x.reshaped({x.shape().product(0, split), x.shape().product(split, rank)}));
}

void squeeze(Call& call) {
  const Value& x = call.in(0);
  const Shape axes = call.axes(1, "axes", x.shape().rank());
  bool removed[kMaxRank] = {};
  for (const std::int64_t axis : axes.span()) {
    if (x.shape()[static_cast<int>(axis)] != 1)
      call.fail("an extent of 1 at axis " + std::to_string(axis), x.shape().text());
    removed[axis] = true;
  }
  Shape result;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (axes.rank() == 0 ? x.shape()[axis] != 1 : !removed[axis]) result.push_back(x.shape()[axis]);
  }
  call.alias(0, x.reshaped(result));
}

void unsqueeze(Call& call) {
  const Value& x = call.in(0);
  const int added = call.has(1) ? call.integers(1).rank() : static_cast<int>(call.node().integers("axes").size());
  const int rank = x.shape().rank() + added;
  if (rank > kMaxRank) call.unsupported("a rank of " + std::to_string(rank));
  const Shape axes = call.axes(1, "axes", rank);
  bool inserted[kMaxRank] = {};
  for (const std::int64_t axis : axes.span()) {
    if (inserted[axis]) call.fail("distinct axes", axes.text());
    inserted[axis] = true;
  }
  Shape result;
  for (int axis = 0, from = 0; axis < rank; ++axis) result.push_back(inserted[axis] ? 1 : x.shape()[from++]);
  call.alias(0, x.reshaped(result));
}

void transpose(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  const auto given = call.node().integers("perm");
  if (!given.empty() && given.size() != static_cast<std::size_t>(rank))
    call.fail("a permutation of rank " + std::to_string(rank), plugin::shape_text(given));
  const Strides from = contiguous(x.shape());
  Strides strides{};
  Shape result;
  bool seen[kMaxRank] = {};
  for (int axis = 0; axis < rank; ++axis) {
    const int source = given.empty() ? rank - 1 - axis : call.axis(given[static_cast<std::size_t>(axis)], rank);
    if (seen[source]) call.fail("a permutation", plugin::shape_text(given));
    seen[source] = true;
    result.push_back(x.shape()[source]);
    strides[static_cast<std::size_t>(axis)] = from[static_cast<std::size_t>(source)];
  }
  copy_strided(call, x, call.out(0, x.type(), result), strides);
}

void expand(Call& call) {
  const Value& x = call.in(0);
  const Shape wanted = call.integers(1);
  if (!fits(x.type(), wanted)) call.fail("a shape that fits in memory", wanted.text());
  const auto both = broadcast<2>(call, {&x.shape(), &wanted});
  copy_strided(call, x, call.out(0, x.type(), both.shape), both.strides[0]);
}

void concat(Call& call) {
  const Shape& first = call.in(0).shape();
  const int axis = call.axis(call.node().integer("axis", 0), first.rank());
  Shape result = first;
  for (int i = 1; i < call.inputs(); ++i) {
    const Shape& next = call.in(i).shape();
    bool fits = next.rank() == first.rank() && call.in(i).type() == call.in(0).type();
    for (int a = 0; fits && a < first.rank(); ++a) fits = a == axis || next[a] == first[a];
    if (!fits)
      call.fail("tensors that differ only along axis " + std::to_string(axis), first.text() + " and " + next.text());
    if (__builtin_add_overflow(result[axis], next[axis], &result[axis]))
      call.fail("extents whose sum fits", first.text() + " and " + next.text());
  }
  const Value& out = call.out(0, call.in(0).type(), result);
  const std::size_t size = element_bytes(out.type());
  if (size == 0) call.unsupported("values of " + type_name(out.type()));
  const std::int64_t outer = result.product(0, axis), inner = result.product(axis + 1, result.rank());
  auto* target = out.as<std::byte>();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (int i = 0; i < call.inputs(); ++i) {
      const auto run = static_cast<std::size_t>(call.in(i).shape()[axis] * inner) * size;
      if (run != 0) std::memcpy(target, call.in(i).as<std::byte>() + static_cast<std::size_t>(o) * run, run);
      target += run;
    }
  }
}

/// Sizes come from input 1, the attribute, or equal shares (the last may be smaller).
void split(Call& call) {
  const Value& x = call.in(0);
  const int axis = call.axis(call.node().integer("axis", 0), x.shape().rank());
  const auto sizes = call.node().integers("split");
  const std::int64_t parts = call.outputs(), length = x.shape()[axis], share = (length + parts - 1) / parts;
  const std::int64_t given = call.has(1) ? call.in(1).count() : static_cast<std::int64_t>(sizes.size());
  if (given != 0 && given != parts) call.fail(std::to_string(parts) + " sizes", std::to_string(given));
  const Strides strides = contiguous(x.shape());
  std::int64_t begin = 0;
  for (int part = 0; part < parts; ++part) {
    Shape result = x.shape();
    result[axis] = call.has(1)  ? call.integer_at(1, part)
                   : given != 0 ? sizes[static_cast<std::size_t>(part)]
                                : std::min(share, length - begin);
    if (result[axis] < 0 || result[axis] > length - begin)
      call.fail("sizes that add up to " + std::to_string(length), std::to_string(result[axis]));
    copy_strided(call, x, call.out(part, x.type(), result), strides, begin * strides[static_cast<std::size_t>(axis)]);
    begin += result[axis];
  }
  if (begin != length) call.fail("sizes that add up to " + std::to_string(length), std::to_string(begin));
}

/// Up to opset 9 starts, ends and axes are attributes.
void slice(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  const bool inputs = call.has(1);
  const Shape starts = inputs ? call.integers(1) : Shape(call.node().integers("starts"));
  const Shape ends = inputs ? call.integers(2) : Shape(call.node().integers("ends"));
  const Shape axes = inputs && call.has(3) ? call.integers(3) : Shape(call.node().integers("axes"));
  const Shape steps = inputs && call.has(4) ? call.integers(4) : Shape();
  if (starts.rank() != ends.rank() || (axes.rank() != 0 && axes.rank() != starts.rank()) ||
      (steps.rank() != 0 && steps.rank() != starts.rank()))
    call.fail("as many ends, axes and steps as starts", starts.text() + " and " + ends.text());
  Strides strides = contiguous(x.shape());
  Shape result = x.shape();
  std::int64_t offset = 0;
  bool sliced[kMaxRank] = {};
  for (int i = 0; i < starts.rank(); ++i) {
    const int axis = call.axis(axes.rank() != 0 ? axes[i] : i, rank);
    if (sliced[axis]) call.fail("distinct axes", axes.text());
    sliced[axis] = true;
    const std::int64_t step = steps.rank() != 0 ? steps[i] : 1, extent = x.shape()[axis];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min())
      call.fail("a step other than 0", std::to_string(step));
    const auto clamp = [&](std::int64_t at) {
      at = at < 0 ? at + extent : at;
      return step > 0 ? std::clamp<std::int64_t>(at, 0, extent) : std::clamp<std::int64_t>(at, -1, extent - 1);
    };
    const std::int64_t begin = clamp(starts[i]), end = clamp(ends[i]);
    const std::int64_t distance = step > 0 ? end - begin : begin - end, size = step > 0 ? step : -step;
    result[axis] = distance <= 0 ? 0 : (distance - 1) / size + 1;
    if (result[axis] > 0) offset += begin * strides[static_cast<std::size_t>(axis)];
    // With a single element the step is never taken, and its product with the stride could overflow.
    strides[static_cast<std::size_t>(axis)] *= result[axis] > 1 ? step : 0;
  }
  const Value& out = call.out(0, x.type(), result);
  copy_strided(call, x, out, strides, result.count() == 0 ? 0 : offset);
}

void shape(Call& call) {
  const Shape& x = call.in(0).shape();
  const auto bound = [&](std::string_view name, std::int64_t fallback) {
    const std::int64_t at = call.node().integer(name, fallback);
    return static_cast<int>(std::clamp<std::int64_t>(at < 0 ? at + x.rank() : at, 0, x.rank()));
  };
  const int start = bound("start", 0), end = std::max(start, bound("end", x.rank()));
  const Value& out = call.out(0, Type::kInt64, {end - start});
  for (int axis = start; axis < end; ++axis) out.as<std::int64_t>()[axis - start] = x[axis];
}

void size(Call& call) { *call.out(0, Type::kInt64, {}).as<std::int64_t>() = call.in(0).count(); }

void convert(const Call& call, const Value& in, const Value& out) {
  call.require_type(
      visit_any(in.type(),
                [&]<typename From>() {
                  call.require_type(
                      visit_any(out.type(),
                                [&]<typename To>() {
                                  for (std::int64_t i = 0, count = in.count(); i < count; ++i) {
                                    const auto value = load(in.as<From>()[i]);
                                    if constexpr (std::is_same_v<To, Bool>) {
                                      out.as<Bool>()[i].byte = value != 0;
                                    } else if constexpr (kIsFloat<To>) {
                                      store(out.as<To>()[i], static_cast<double>(value));
                                    } else if constexpr (kIsFloat<From>) {
                                      // Out of range is undefined in ONNX and in C++: clamp to 64 bits, NaN to 0, then
                                      // wrap as the vendors do.
                                      const double whole = std::isnan(value) ? 0
                                                                             : std::clamp(std::trunc(value), -0x1p63,
                                                                                          0x1.fffffffffffffp62);
                                      const bool large = std::is_unsigned_v<To> && value >= 0x1p63;
                                      const auto bits =
                                          large ? static_cast<std::uint64_t>(std::min(value, 0x1.fffffffffffffp63))
                                                : static_cast<std::uint64_t>(static_cast<std::int64_t>(whole));
                                      out.as<To>()[i] = static_cast<To>(bits);
                                    } else {
                                      out.as<To>()[i] = static_cast<To>(value);
                                    }
                                  }
                                }),
                      out.type());
                }),
      in.type());
}

void cast(Call& call) {
  const auto to = static_cast<Type>(call.node().integer("to", 0));
  if (!visit_any(to, []<typename T>() {})) call.unsupported("a cast to " + type_name(to));
  const Value& x = call.in(0);
  if (x.type() == to) return call.alias(0, x);
  convert(call, x, call.out(0, to, x.shape()));
}

void cast_like(Call& call) {
  const Value& x = call.in(0);
  if (x.type() == call.in(1).type()) return call.alias(0, x);
  convert(call, x, call.out(0, call.in(1).type(), x.shape()));
}

void constant(Call& call) {
  const Node& node = call.node();
  if (const Attribute* tensor = node.find("value"); tensor != nullptr && tensor->tensor.present())
    return call.alias(0, tensor->tensor);
  const auto list = [&](const auto& values, Type type) {
    const Value& out = call.out(0, type, {static_cast<std::int64_t>(values.size())});
    if (!values.empty()) std::memcpy(out.data(), values.data(), values.size() * sizeof(values[0]));
  };
  if (const Attribute* number = node.find("value_float"))
    *call.out(0, Type::kFloat, {}).as<float>() = number->real;
  else if (const Attribute* whole = node.find("value_int"))
    *call.out(0, Type::kInt64, {}).as<std::int64_t>() = whole->integer;
  else if (const Attribute* numbers = node.find("value_floats"))
    list(numbers->reals, Type::kFloat);
  else if (const Attribute* wholes = node.find("value_ints"))
    list(wholes->integers, Type::kInt64);
  else
    call.unsupported("a constant that is no tensor of numbers");
}

void constant_of_shape(Call& call) {
  const Shape result = call.integers(0);
  static const float zero = 0;
  const Attribute* value = call.node().find("value");
  const Type type = value != nullptr ? value->tensor.type() : Type::kFloat;
  const void* element = value != nullptr ? value->tensor.data() : &zero;
  if (value != nullptr && value->tensor.count() != 1) call.fail("a value of one element", value->tensor.shape().text());
  if (!plugin::element_count(result.span())) call.fail("a shape that fits in memory", result.text());
  const Value& out = call.out(0, type, result);
  visit_size(call, type, [&]<typename B>() { std::fill_n(out.as<B>(), out.count(), *static_cast<const B*>(element)); });
}

void range(Call& call) {
  const Value &start = call.in(0), &limit = call.in(1), &delta = call.in(2);
  if (start.count() != 1 || limit.count() != 1 || delta.count() != 1 || limit.type() != start.type() ||
      delta.type() != start.type())
    call.fail("three scalars of one type", start.shape().text());
  call.require_type(
      visit_number(start.type(),
                   [&]<typename T>() {
                     const auto first = load(*start.as<T>()), last = load(*limit.as<T>()), step = load(*delta.as<T>());
                     const double count = step == 0
                                              ? -1
                                              : std::ceil((static_cast<double>(last) - static_cast<double>(first)) /
                                                          static_cast<double>(step));
                     if (step == 0 || !(count < 0x1p40))
                       call.fail("a range that ends", "a step of " + std::to_string(step));
                     const Value& out = call.out(0, start.type(), {static_cast<std::int64_t>(std::max(count, 0.0))});
                     for (std::int64_t i = 0; i < out.count(); ++i)
                       store(out.as<T>()[i], add(first, multiply(static_cast<Compute<T>>(i), step)));
                   }),
      start.type());
}

}  // namespace

std::span<const Operator> shape_operators() {
  static constexpr Operator kTable[] = {
      {"Identity", identity, 1, 1},
      {"Dropout", dropout, 1, 2},
      {"Reshape", reshape, 1, 1},
      {"Flatten", flatten, 1, 1},
      {"Squeeze", squeeze, 1, 1},
      {"Unsqueeze", unsqueeze, 1, 1},
      {"Transpose", transpose, 1, 1},
      {"Expand", expand, 2, 1},
      {"Concat", concat, 1, 1},
      {"Split", split, 1, 0},
      {"Slice", slice, 1, 1},
      {"Shape", shape, 1, 1, ResultType::kInt64},
      {"Size", size, 1, 1, ResultType::kInt64},
      {"Cast", cast, 1, 1, ResultType::kAttribute},
      {"CastLike", cast_like, 2, 1, ResultType::kSameAsSecond},
      {"Constant", constant, 0, 1, ResultType::kAttribute},
      {"ConstantOfShape", constant_of_shape, 1, 1, ResultType::kAttribute},
      {"Range", range, 3, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
