/// Operators that pick elements: Gather, NonZero, Tile, Pad, Resize.
#include <cmath>

#include "reference/copy.h"

namespace speedster::reference {
namespace {

/// An index counted from 0; SP_SHAPE outside the axis.
std::int64_t checked_index(const Call& call, const Value& indices, std::int64_t at, std::int64_t length) {
  const std::int64_t given =
      indices.type() == Type::kInt64 ? indices.as<std::int64_t>()[at] : indices.as<std::int32_t>()[at];
  const std::int64_t index = given < 0 ? given + length : given;
  if (index < 0 || index >= length) call.fail("an index within " + std::to_string(length), std::to_string(given));
  return index;
}
const Value& index_input(const Call& call, int input) {
  const Value& indices = call.in(input);
  if (indices.type() != Type::kInt64 && indices.type() != Type::kInt32)
    call.fail("integer indices", type_name(indices.type()));
  return indices;
}

void gather(Call& call) {
  const Value &x = call.in(0), &indices = index_input(call, 1);
  const int axis = call.axis(call.node().integer("axis", 0), x.shape().rank());
  Shape result(x.shape().span().first(static_cast<std::size_t>(axis)));
  for (const std::int64_t extent : indices.shape().span()) result.push_back(extent);
  for (int i = axis + 1; i < x.shape().rank(); ++i) result.push_back(x.shape()[i]);
  const std::size_t size = element_bytes(x.type());
  if (size == 0) call.unsupported("values of " + type_name(x.type()));
  const std::int64_t outer = x.shape().product(0, axis), length = x.shape()[axis];
  const auto run = static_cast<std::size_t>(x.shape().product(axis + 1, x.shape().rank())) * size;
  const Value& out = call.out(0, x.type(), result);
  if (out.count() == 0) return;
  auto* target = out.as<std::byte>();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < indices.count(); ++i, target += run) {
      const std::int64_t index = checked_index(call, indices, i, length);
      std::memcpy(target, x.as<std::byte>() + static_cast<std::size_t>(o * length + index) * run, run);
    }
  }
}

void gather_elements(Call& call) {
  const Value &x = call.in(0), &indices = index_input(call, 1);
  const int rank = x.shape().rank(), axis = call.axis(call.node().integer("axis", 0), rank);
  bool fits = indices.shape().rank() == rank;
  for (int i = 0; fits && i < rank; ++i) fits = i == axis || indices.shape()[i] <= x.shape()[i];
  if (!fits) call.fail("indices within the data", indices.shape().text() + " in " + x.shape().text());
  const Strides strides = contiguous(x.shape());
  const Value& out = call.out(0, x.type(), indices.shape());
  visit_size(call, x.type(), [&]<typename B>() {
    std::array<std::int64_t, kMaxRank> index{};
    for (std::int64_t i = 0, count = indices.count(); i < count; ++i) {
      std::int64_t from = 0;
      for (int a = 0; a < rank; ++a) {
        const auto at = static_cast<std::size_t>(a);
        from += strides[at] * (a == axis ? checked_index(call, indices, i, x.shape()[axis]) : index[at]);
      }
      out.as<B>()[i] = x.as<B>()[from];
      for (int a = rank - 1; a >= 0; --a) {
        if (++index[static_cast<std::size_t>(a)] < indices.shape()[a]) break;
        index[static_cast<std::size_t>(a)] = 0;
      }
    }
  });
}

/// The shape of the result depends on the data: [rank, found], row-major.
void non_zero(Call& call) {
  const Value& x = call.in(0);
  const int rank = std::max(x.shape().rank(), 1);
  const Shape shape = x.shape().rank() == 0 ? Shape{1} : x.shape();
  call.require_type(visit_any(x.type(),
                              [&]<typename T>() {
                                std::int64_t found = 0;
                                for (std::int64_t i = 0, count = x.count(); i < count; ++i)
                                  found += load(x.as<T>()[i]) != 0;
                                const Value& out = call.out(0, Type::kInt64, {rank, found});
                                std::int64_t column = 0;
                                for (std::int64_t i = 0, count = x.count(); i < count; ++i) {
                                  if (load(x.as<T>()[i]) == 0) continue;
                                  for (std::int64_t axis = rank - 1, rest = i; axis >= 0; --axis) {
                                    const std::int64_t extent = shape[static_cast<int>(axis)];
                                    out.as<std::int64_t>()[axis * found + column] = rest % extent;
                                    rest /= extent;
                                  }
                                  ++column;
                                }
                              }),
                    x.type());
}

/// Element offsets in the source for each index of each axis of the result; -1 asks for the fill value.
class AxisMaps {
 public:
  AxisMaps(Call& call, const Shape& result) {
    std::int64_t total = 0;
    for (const std::int64_t extent : result.span()) total += extent;
    auto rest = call.scratch<std::int64_t>(holder_, total);
    for (int axis = 0; axis < result.rank(); ++axis) {
      const auto extent = static_cast<std::size_t>(result[axis]);
      maps_[static_cast<std::size_t>(axis)] = rest.first(extent);
      rest = rest.subspan(extent);
    }
  }
  std::span<std::int64_t> operator[](int axis) const { return maps_[static_cast<std::size_t>(axis)]; }

  void copy(const Call& call, const Value& in, const Value& out, const void* fill) const {
    visit_size(call, in.type(), [&]<typename B>() {
      const int rank = out.shape().rank();
      std::array<std::size_t, kMaxRank> index{};
      for (std::int64_t i = 0, count = out.count(); i < count; ++i) {
        std::int64_t from = 0;
        for (int axis = 0; axis < rank && from >= 0; ++axis) {
          const std::int64_t step = (*this)[axis][index[static_cast<std::size_t>(axis)]];
          from = step < 0 ? -1 : from + step;
        }
        out.as<B>()[i] = from < 0 ? *static_cast<const B*>(fill) : in.as<B>()[from];
        for (int axis = rank - 1; axis >= 0; --axis) {
          const auto a = static_cast<std::size_t>(axis);
          if (++index[a] < maps_[a].size()) break;
          index[a] = 0;
        }
      }
    });
  }

 private:
  Value holder_;
  std::array<std::span<std::int64_t>, kMaxRank> maps_{};
};

void tile(Call& call) {
  const Value& x = call.in(0);
  const Shape repeats = call.integers(1);
  const int rank = x.shape().rank();
  if (repeats.rank() != rank) call.fail(std::to_string(rank) + " repeats", repeats.text());
  Shape result;
  for (int axis = 0; axis < rank; ++axis) {
    std::int64_t extent = 0;
    if (repeats[axis] < 0 || __builtin_mul_overflow(repeats[axis], x.shape()[axis], &extent))
      call.fail("repeats from 0", repeats.text());
    result.push_back(extent);
  }
  const Value& out = call.out(0, x.type(), result);
  if (out.count() == 0) return;
  const AxisMaps maps(call, result);
  const Strides strides = contiguous(x.shape());
  for (int axis = 0; axis < rank; ++axis) {
    for (std::size_t i = 0; i < maps[axis].size(); ++i)
      maps[axis][i] = static_cast<std::int64_t>(i) % x.shape()[axis] * strides[static_cast<std::size_t>(axis)];
  }
  maps.copy(call, x, out, nullptr);
}

/// The source index that pads at `at`, or -1 for the fill value.
std::int64_t padded_index(const Call& call, std::string_view mode, std::int64_t at, std::int64_t extent) {
  if (at >= 0 && at < extent) return at;
  if (mode == "constant") return -1;
  if (extent == 0) call.fail("an axis with elements to pad from", "none");
  if (mode == "edge") return at < 0 ? 0 : extent - 1;
  if (mode == "wrap") return (at % extent + extent) % extent;
  if (extent == 1) return 0;
  const std::int64_t period = 2 * (extent - 1), folded = (at % period + period) % period;
  return folded < extent ? folded : period - folded;
}

/// Up to opset 10 pads and value are attributes.
void pad(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  const std::string_view mode = call.node().text("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    call.unsupported("mode " + std::string(mode));
  const auto attribute = call.node().integers("pads");
  Shape axes = call.has(3) ? call.integers(3) : Shape();
  if (!call.has(3)) {
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  const std::int64_t given = call.has(1) ? call.in(1).count() : static_cast<std::int64_t>(attribute.size());
  if (given != 2 * axes.rank()) call.fail(std::to_string(2 * axes.rank()) + " pads", std::to_string(given));
  Shape result = x.shape(), begin = x.shape();
  for (int axis = 0; axis < rank; ++axis) begin[axis] = 0;
  bool padded[kMaxRank] = {};
  for (int i = 0; i < axes.rank(); ++i) {
    const int axis = call.axis(axes[i], rank);
    if (padded[axis]) call.fail("distinct axes", axes.text());
    padded[axis] = true;
    const auto at = [&](int k) { return call.has(1) ? call.integer_at(1, k) : attribute[static_cast<std::size_t>(k)]; };
    const std::int64_t before = at(i), after = at(i + axes.rank());
    constexpr std::int64_t kLimit = std::int64_t{1} << 40;
    if (before < -kLimit || before > kLimit || after < -kLimit || after > kLimit)
      call.fail("pads below 2^40", std::to_string(before));
    begin[axis] = before;
    result[axis] += before + after;
    if (result[axis] < 0) call.fail("pads that leave an extent of at least 0", result.text());
  }
  static constexpr std::byte kZero[16] = {};
  const void* fill = kZero;
  const float value = static_cast<float>(call.node().real("value", 0));
  if (call.has(2)) {
    if (call.in(2).count() != 1 || call.in(2).type() != x.type())
      call.fail("a fill value of the data's type", type_name(call.in(2).type()));
    fill = call.in(2).data();
  } else if (value != 0) {
    if (x.type() != Type::kFloat) call.unsupported("a fill value for " + type_name(x.type()));
    fill = &value;
  }
  const Value& out = call.out(0, x.type(), result);
  if (out.count() == 0) return;
  const AxisMaps maps(call, result);
  const Strides strides = contiguous(x.shape());
  for (int axis = 0; axis < rank; ++axis) {
    for (std::size_t i = 0; i < maps[axis].size(); ++i) {
      const std::int64_t source = padded_index(call, mode, static_cast<std::int64_t>(i) - begin[axis], x.shape()[axis]);
      maps[axis][i] = source < 0 ? -1 : source * strides[static_cast<std::size_t>(axis)];
    }
  }
  maps.copy(call, x, out, fill);
}

/// Where an index of the result lies in the source (ONNX: coordinate_transformation_mode).
double source_coordinate(const Call& call, std::string_view mode, double index, double in, double out, double scale) {
  if (mode == "half_pixel") return (index + 0.5) / scale - 0.5;
  if (mode == "pytorch_half_pixel") return out > 1 ? (index + 0.5) / scale - 0.5 : 0;
  if (mode == "align_corners") return out > 1 ? index * (in - 1) / (out - 1) : 0;
  if (mode == "asymmetric") return index / scale;
  call.unsupported("coordinate_transformation_mode " + std::string(mode));
}

std::int64_t nearest(const Call& call, double coordinate) {
  const std::string_view mode = call.node().text("nearest_mode", "round_prefer_floor");
  if (mode == "floor") return static_cast<std::int64_t>(std::floor(coordinate));
  if (mode == "ceil") return static_cast<std::int64_t>(std::ceil(coordinate));
  if (mode == "round_prefer_ceil") return static_cast<std::int64_t>(std::floor(coordinate + 0.5));
  return static_cast<std::int64_t>(std::ceil(coordinate - 0.5));
}

/// Linear interpolation of rank-4 planes over the two last axes, or over one; other axes must keep their extent.
template <typename T>
void resize_linear(const Call& call, const Value& x, const Value& out, std::span<const double> scales,
                   std::string_view mode) {
  const int rank = x.shape().rank();
  const std::int64_t in_h = rank > 1 ? x.shape()[rank - 2] : 1, in_w = x.shape()[rank - 1];
  const std::int64_t out_h = rank > 1 ? out.shape()[rank - 2] : 1, out_w = out.shape()[rank - 1];
  const auto place = [&](std::int64_t i, std::int64_t in, std::int64_t out_extent, double scale) {
    return std::clamp(source_coordinate(call, mode, static_cast<double>(i), static_cast<double>(in),
                                        static_cast<double>(out_extent), scale),
                      0.0, static_cast<double>(in - 1));
  };
  for (std::int64_t p = 0; p < x.shape().product(0, std::max(rank - 2, 0)); ++p) {
    const T* plane = x.as<T>() + p * in_h * in_w;
    for (std::int64_t i = 0; i < out_h; ++i) {
      const double y = rank > 1 ? place(i, in_h, out_h, scales[static_cast<std::size_t>(rank - 2)]) : 0;
      const auto y0 = static_cast<std::int64_t>(y), y1 = std::min(y0 + 1, in_h - 1);
      for (std::int64_t j = 0; j < out_w; ++j) {
        const double xx = place(j, in_w, out_w, scales[static_cast<std::size_t>(rank - 1)]);
        const auto x0 = static_cast<std::int64_t>(xx), x1 = std::min(x0 + 1, in_w - 1);
        const double fy = y - static_cast<double>(y0), fx = xx - static_cast<double>(x0);
        const auto at = [&](std::int64_t r, std::int64_t c) { return load(plane[r * in_w + c]); };
        store(out.as<T>()[(p * out_h + i) * out_w + j],
              (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x1)) + fy * ((1 - fx) * at(y1, x0) + fx * at(y1, x1)));
      }
    }
  }
}

/// Inputs from opset 11: X, roi, scales, sizes. Modes nearest and linear; no roi, antialias or axes.
void resize(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  for (const char* attribute : {"axes", "antialias", "keep_aspect_ratio_policy", "exclude_outside"}) {
    if (const Attribute* found = call.node().find(attribute);
        found != nullptr &&
        (found->integer != 0 || !found->integers.empty() || (!found->text.empty() && found->text != "stretch")))
      call.unsupported("the attribute " + std::string(attribute));
  }
  const int scales_at = call.opset() >= 11 ? 2 : 1;
  const bool by_scale = call.has(scales_at) && call.in(scales_at).count() != 0;
  if (!by_scale && !call.has(3)) call.fail("scales or sizes", "neither");
  const Shape sizes = by_scale ? Shape() : call.integers(3);
  if (by_scale ? call.in(scales_at).count() != rank || call.in(scales_at).type() != Type::kFloat : sizes.rank() != rank)
    call.fail("a scale or size for each of " + std::to_string(rank) + " axes",
              by_scale ? call.in(scales_at).shape().text() : sizes.text());
  std::array<double, kMaxRank> scales{};
  Shape result;
  for (int axis = 0; axis < rank; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    const auto extent = static_cast<double>(x.shape()[axis]);
    scales[a] = by_scale ? call.in(scales_at).as<float>()[axis] : static_cast<double>(sizes[axis]) / extent;
    const double size = by_scale ? std::floor(extent * scales[a]) : static_cast<double>(sizes[axis]);
    if (!(extent >= 1) || !(scales[a] > 0) || !(size >= 1) || !(size < 0x1p31))
      call.fail("scales above 0 and axes with elements", x.shape().text());
    result.push_back(static_cast<std::int64_t>(size));
  }
  const std::string_view mode = call.node().text("mode", "nearest");
  const std::string_view place =
      call.opset() >= 11 ? call.node().text("coordinate_transformation_mode", "half_pixel") : "asymmetric";
  const Value& out = call.out(0, x.type(), result);
  if (mode == "linear") {
    for (int axis = 0; axis < rank - 2; ++axis) {
      if (result[axis] != x.shape()[axis]) call.unsupported("linear interpolation along axis " + std::to_string(axis));
    }
    if (rank == 0) return call.alias(0, x);
    return call.require_type(
        visit_float(x.type(), [&]<typename T>() { resize_linear<T>(call, x, out, scales, place); }), x.type());
  }
  if (mode != "nearest") call.unsupported("mode " + std::string(mode));
  const AxisMaps maps(call, result);
  const Strides strides = contiguous(x.shape());
  for (int axis = 0; axis < rank; ++axis) {
    const auto in = static_cast<double>(x.shape()[axis]);
    for (std::size_t i = 0; i < maps[axis].size(); ++i) {
      const double at = source_coordinate(call, place, static_cast<double>(i), in, static_cast<double>(result[axis]),
                                          scales[static_cast<std::size_t>(axis)]);
      maps[axis][i] =
          std::clamp<std::int64_t>(nearest(call, at), 0, x.shape()[axis] - 1) * strides[static_cast<std::size_t>(axis)];
    }
  }
  maps.copy(call, x, out, nullptr);
}

}  // namespace

std::span<const Operator> index_operators() {
  static constexpr Operator kTable[] = {
      {"Gather", gather, 2, 1},
      {"GatherElements", gather_elements, 2, 1},
      {"NonZero", non_zero, 1, 1, ResultType::kInt64},
      {"Tile", tile, 2, 1},
      {"Pad", pad, 1, 1},
      {"Resize", resize, 1, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
