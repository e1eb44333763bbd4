/// Conv and ConvTranspose over one or two spatial axes, with groups, padding, strides and dilations.
#include "reference/convolution.h"

namespace speedster::reference {
namespace {

const Value* read_bias(const Call& call, std::int64_t filters, Type type) {
  if (!call.has(2)) return nullptr;
  const Value& bias = call.in(2);
  if (bias.count() != filters || bias.type() != type)
    call.fail("a bias of " + std::to_string(filters) + " " + type_name(type), bias.shape().text());
  return &bias;
}

void conv(Call& call) {
  const Value &input = call.in(0), &weights = call.in(1);
  if (input.type() != weights.type())
    call.fail("input and weights of one type", type_name(input.type()) + " and " + type_name(weights.type()));
  const std::int64_t group = check_convolution(call, input.shape(), weights.shape()), filters = weights.shape()[0];
  const Window window = read_window(call, input.shape(), weights.shape().span().subspan(2));
  const Value* bias = read_bias(call, filters, input.type());
  const Value& out = call.out(0, input.type(), window_result(window, filters, input.shape().rank()));
  if (out.count() == 0) return;
  call.require_type(visit_float(input.type(),
                                [&]<typename T>() {
                                  Value holder;
                                  const auto plane = call.scratch<double>(holder, window.out_plane());
                                  convolve<double>(
                                      call, window, filters, group, plane,
                                      [&](std::int64_t i) { return load(input.as<T>()[i]); },
                                      [&](std::int64_t, std::int64_t i) { return load(weights.as<T>()[i]); },
                                      [&](std::int64_t m) { return bias != nullptr ? load(bias->as<T>()[m]) : 0.0; },
                                      [&](std::int64_t n, std::int64_t m) {
                                        T* target = out.as<T>() + (n * filters + m) * window.out_plane();
                                        for (std::size_t i = 0; i < plane.size(); ++i) store(target[i], plane[i]);
                                      });
                                }),
                    input.type());
}

/// Weights are [C, M / group, …]; every input element is spread over the output.
void conv_transpose(Call& call) {
  const Value &input = call.in(0), &weights = call.in(1);
  if (input.type() != weights.type())
    call.fail("input and weights of one type", type_name(input.type()) + " and " + type_name(weights.type()));
  if (call.node().find("output_shape") != nullptr || call.node().text("auto_pad", "NOTSET") != "NOTSET")
    call.unsupported("output_shape or auto_pad");
  const Shape &in = input.shape(), &kernel = weights.shape();
  const std::int64_t group = call.node().integer("group", 1);
  if (in.rank() != kernel.rank() || in.rank() < 3)
    call.fail("input and weights of one rank from 3", in.text() + " and " + kernel.text());
  if (group < 1 || in[1] % group != 0 || kernel[0] != in[1])
    call.fail("channels that fit", in.text() + " and " + kernel.text());
  Window window = read_window(call, in, kernel.span().subspan(2), true);
  const auto extra = call.node().integers("output_padding");
  const int spatial = in.rank() - 2;
  if (!extra.empty() && extra.size() != static_cast<std::size_t>(spatial))
    call.fail("output_padding for each axis", plugin::shape_text(extra));
  for (int i = 0; i < spatial; ++i) {
    Window::Axis& axis = i == spatial - 1 ? window.x : window.y;
    const std::int64_t more = extra.empty() ? 0 : extra[static_cast<std::size_t>(i)];
    if (more < 0 || more >= std::max(axis.stride, axis.dilation))
      call.fail("output_padding below the stride", std::to_string(more));
    axis.out = axis.in == 0
                   ? 0
                   : axis.stride * (axis.in - 1) + more + (axis.kernel - 1) * axis.dilation + 1 - axis.begin - axis.end;
    if (axis.out < 0) call.fail("padding that leaves an output", std::to_string(axis.out));
  }
  const std::int64_t depth = in[1] / group, per_group = kernel[1], taps = window.y.kernel * window.x.kernel;
  std::int64_t filters = 0;
  if (__builtin_mul_overflow(per_group, group, &filters))
    call.fail("channels that fit", std::to_string(group) + " groups of " + std::to_string(per_group));
  const Value* bias = read_bias(call, filters, input.type());
  const Value& out = call.out(0, input.type(), window_result(window, filters, in.rank()));
  if (out.count() == 0) return;
  call.require_type(
      visit_float(input.type(),
                  [&]<typename T>() {
                    Value holder;
                    const auto plane = call.scratch<double>(holder, window.out_plane());
                    for (std::int64_t n = 0; n < window.batch; ++n) {
                      for (std::int64_t m = 0; m < filters; ++m) {
                        call.poll();
                        std::fill(plane.begin(), plane.end(), bias != nullptr ? load(bias->as<T>()[m]) : 0.0);
                        for (std::int64_t c = m / per_group * depth; c < (m / per_group + 1) * depth; ++c) {
                          const T* source = input.as<T>() + (n * in[1] + c) * window.in_plane();
                          const T* weight = weights.as<T>() + (c * per_group + m % per_group) * taps;
                          for (std::int64_t i = 0; i < window.in_plane(); ++i) {
                            const std::int64_t iy = i / window.x.in, ix = i % window.x.in;
                            for (std::int64_t tap = 0; tap < taps; ++tap) {
                              const std::int64_t oy = window.y.at(iy, tap / window.x.kernel),
                                                 ox = window.x.at(ix, tap % window.x.kernel);
                              if (oy < 0 || oy >= window.y.out || ox < 0 || ox >= window.x.out) continue;
                              plane[static_cast<std::size_t>(oy * window.x.out + ox)] +=
                                  load(source[i]) * load(weight[tap]);
                            }
                          }
                        }
                        T* target = out.as<T>() + (n * filters + m) * window.out_plane();
                        for (std::size_t i = 0; i < plane.size(); ++i) store(target[i], plane[i]);
                      }
                    }
                  }),
      input.type());
}

}  // namespace

std::span<const Operator> convolution_operators() {
  static constexpr Operator kTable[] = {
      {"Conv", conv, 2, 1},
      {"ConvTranspose", conv_transpose, 2, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
