/// Quantized arithmetic: affine, per tensor or per axis, rounding half to even and saturating.
#include <cmath>

#include "reference/convolution.h"
#include "reference/matrix.h"

namespace speedster::reference {
namespace {

/// Scales and zero points, one for all elements or one for each index of an axis.
struct Parameters {
  Value scale, zero;
  std::int64_t count = 1, inner = 1;  // the parameter of element i is i / inner % count
  std::int64_t at(std::int64_t element) const { return count == 1 ? 0 : element / inner % count; }
};

Parameters read_parameters(const Call& call, const Shape& data) {
  Parameters parameters{call.in(1), call.has(2) ? call.in(2) : Value(), 1, 1};
  if (call.node().integer("block_size", 0) != 0) call.unsupported("blocked quantization");
  parameters.count = parameters.scale.count();
  if (parameters.zero.present() && parameters.zero.count() != parameters.count)
    call.fail("as many zero points as scales",
              parameters.zero.shape().text() + " and " + parameters.scale.shape().text());
  if (parameters.scale.shape().rank() == 0 || (parameters.count == 1 && data.rank() == 0)) return parameters;
  const int axis = call.axis(call.node().integer("axis", 1), data.rank());
  if (parameters.scale.shape().rank() != 1 || (parameters.count != 1 && parameters.count != data[axis]))
    call.fail("a scale, or " + std::to_string(data[axis]) + " along axis " + std::to_string(axis),
              parameters.scale.shape().text());
  parameters.inner = data.product(axis + 1, data.rank());
  return parameters;
}

template <typename Q>
Q saturate(double value) {
  if (std::isnan(value)) return 0;
  return static_cast<Q>(std::clamp(std::nearbyint(value), static_cast<double>(std::numeric_limits<Q>::lowest()),
                                   static_cast<double>(std::numeric_limits<Q>::max())));
}

bool is_quantized(Type type) {
  return type == Type::kInt8 || type == Type::kUInt8 || type == Type::kInt16 || type == Type::kUInt16 ||
         type == Type::kInt32;
}

void quantize(Call& call) {
  const Value& x = call.in(0);
  const Parameters parameters = read_parameters(call, x.shape());
  const auto wanted = static_cast<Type>(call.node().integer("output_dtype", 0));
  const Type type = parameters.zero.present()    ? parameters.zero.type()
                    : wanted != Type::kUndefined ? wanted
                                                 : Type::kUInt8;
  if (!is_quantized(type) || type == Type::kInt32) call.unsupported("quantization to " + type_name(type));
  const Value& out = call.out(0, type, x.shape());
  call.require_type(
      visit_float(x.type(),
                  [&]<typename T>() {
                    if (parameters.scale.type() != x.type())
                      call.fail("a scale of " + type_name(x.type()), type_name(parameters.scale.type()));
                    visit_integer(type, [&]<typename Q>() {
                      for (std::int64_t i = 0, count = x.count(); i < count; ++i) {
                        const std::int64_t p = parameters.at(i);
                        const double zero =
                            parameters.zero.present() ? static_cast<double>(parameters.zero.as<Q>()[p]) : 0;
                        out.as<Q>()[i] =
                            saturate<Q>(std::nearbyint(load(x.as<T>()[i]) / load(parameters.scale.as<T>()[p])) + zero);
                      }
                    });
                  }),
      x.type());
}

void dequantize(Call& call) {
  const Value& x = call.in(0);
  const Parameters parameters = read_parameters(call, x.shape());
  if (!is_quantized(x.type())) call.unsupported("dequantization from " + type_name(x.type()));
  if (parameters.zero.present() && parameters.zero.type() != x.type())
    call.fail("a zero point of " + type_name(x.type()), type_name(parameters.zero.type()));
  const Value& out = call.out(0, parameters.scale.type(), x.shape());
  call.require_type(visit_float(out.type(),
                                [&]<typename T>() {
                                  visit_integer(x.type(), [&]<typename Q>() {
                                    for (std::int64_t i = 0, count = x.count(); i < count; ++i) {
                                      const std::int64_t p = parameters.at(i);
                                      const double zero = parameters.zero.present()
                                                              ? static_cast<double>(parameters.zero.as<Q>()[p])
                                                              : 0;
                                      store(out.as<T>()[i], (static_cast<double>(x.as<Q>()[i]) - zero) *
                                                                load(parameters.scale.as<T>()[p]));
                                    }
                                  });
                                }),
                    out.type());
}

/// Outputs: the uint8 values, their scale and zero point. The range always holds 0. Computed in float32, as the
/// specification's function body does.
void dynamic_quantize(Call& call) {
  const Value& x = call.in(0);
  if (x.type() != Type::kFloat) call.unsupported("values of " + type_name(x.type()));
  float low = 0, high = 0;
  for (std::int64_t i = 0, count = x.count(); i < count; ++i) {
    low = std::min(low, x.as<float>()[i]);
    high = std::max(high, x.as<float>()[i]);
  }
  const float scale = high == low ? 1.0F : (high - low) / 255.0F;
  const auto zero = saturate<std::uint8_t>(-low / scale);
  const Value& out = call.out(0, Type::kUInt8, x.shape());
  *call.out(1, Type::kFloat, {}).as<float>() = scale;
  *call.out(2, Type::kUInt8, {}).as<std::uint8_t>() = zero;
  for (std::int64_t i = 0, count = x.count(); i < count; ++i)
    out.as<std::uint8_t>()[i] = saturate<std::uint8_t>(std::nearbyint(x.as<float>()[i] / scale) + zero);
}

bool is_byte(Type type) { return type == Type::kInt8 || type == Type::kUInt8; }

std::int64_t byte_at(const Value& value, std::int64_t i) {
  return value.type() == Type::kInt8 ? value.as<std::int8_t>()[i] : value.as<std::uint8_t>()[i];
}

/// A zero point of a value: 0, one, or one for each of `channels`.
Value zero_point(const Call& call, int input, Type type, std::int64_t channels) {
  if (!call.has(input)) return {};
  const Value& zero = call.in(input);
  if (zero.type() != type || (zero.count() != 1 && zero.count() != channels))
    call.fail("a zero point of " + type_name(type) + ", or " + std::to_string(channels),
              type_name(zero.type()) + " " + zero.shape().text());
  return zero;
}
std::int64_t zero_at(const Value& zero, std::int64_t channel) {
  return !zero.present() ? 0 : byte_at(zero, zero.count() == 1 ? 0 : channel);
}

void matmul_integer(Call& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (!is_byte(a.type()) || !is_byte(b.type()))
    call.fail("operands of int8 or uint8", type_name(a.type()) + " and " + type_name(b.type()));
  const MatrixShapes shapes = matrix_shapes(call, a.shape(), b.shape());
  const Value left = zero_point(call, 2, a.type(), shapes.m), right = zero_point(call, 3, b.type(), shapes.n);
  const Value& out = call.out(0, Type::kInt32, shapes.result);
  if (out.count() == 0) return;
  for_each_matrix(shapes, [&](std::int64_t batch, std::int64_t first, std::int64_t second) {
    for (std::int64_t i = 0; i < shapes.m; ++i) {
      call.poll();
      for (std::int64_t j = 0; j < shapes.n; ++j) {
        std::int64_t total = 0;
        for (std::int64_t k = 0; k < shapes.k; ++k)
          total += (byte_at(a, (first * shapes.m + i) * shapes.k + k) - zero_at(left, i)) *
                   (byte_at(b, (second * shapes.k + k) * shapes.n + j) - zero_at(right, j));
        out.as<std::int32_t>()[(batch * shapes.m + i) * shapes.n + j] = static_cast<std::int32_t>(total);
      }
    }
  });
}

void conv_integer(Call& call) {
  const Value &input = call.in(0), &weights = call.in(1);
  if (!is_byte(input.type()) || !is_byte(weights.type()))
    call.fail("operands of int8 or uint8", type_name(input.type()) + " and " + type_name(weights.type()));
  const std::int64_t group = check_convolution(call, input.shape(), weights.shape()), filters = weights.shape()[0];
  const Window window = read_window(call, input.shape(), weights.shape().span().subspan(2));
  const Value left = zero_point(call, 2, input.type(), 1), right = zero_point(call, 3, weights.type(), filters);
  const Value& out = call.out(0, Type::kInt32, window_result(window, filters, input.shape().rank()));
  if (out.count() == 0) return;
  Value holder;
  const auto plane = call.scratch<std::int64_t>(holder, window.out_plane());
  convolve<std::int64_t>(
      call, window, filters, group, plane, [&](std::int64_t i) { return byte_at(input, i) - zero_at(left, 0); },
      [&](std::int64_t m, std::int64_t i) { return byte_at(weights, i) - zero_at(right, m); },
      [](std::int64_t) { return std::int64_t{0}; },
      [&](std::int64_t n, std::int64_t m) {
        std::int32_t* target = out.as<std::int32_t>() + (n * filters + m) * window.out_plane();
        for (std::size_t i = 0; i < plane.size(); ++i) target[i] = static_cast<std::int32_t>(plane[i]);
      });
}

}  // namespace

std::span<const Operator> quantization_operators() {
  static constexpr Operator kTable[] = {
      {"QuantizeLinear", quantize, 2, 1, ResultType::kThirdOrUInt8, true},
      {"DequantizeLinear", dequantize, 2, 1, ResultType::kSameAsSecond, true},
      {"DynamicQuantizeLinear", dynamic_quantize, 1, 3, ResultType::kUInt8, true},
      {"MatMulInteger", matmul_integer, 2, 1, ResultType::kInt32, true},
      {"ConvInteger", conv_integer, 2, 1, ResultType::kInt32, true},
  };
  return kTable;
}

}  // namespace speedster::reference
