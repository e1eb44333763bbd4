/// Softmax and the normalizations, for inference.
#include <cmath>

#include "reference/kernel.h"

namespace speedster::reference {
namespace {

/// From opset 13 along one axis; before, over all axes from `axis` on at once.
template <bool Log>
void softmax(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  const bool one_axis = call.opset() >= 13;
  const int axis = rank == 0 ? 0 : call.axis(call.node().integer("axis", one_axis ? -1 : 1), rank);
  const std::int64_t outer = x.shape().product(0, axis);
  const std::int64_t length = rank == 0 ? 1 : one_axis ? x.shape()[axis] : x.shape().product(axis, rank);
  const std::int64_t inner = one_axis ? x.shape().product(std::min(axis + 1, rank), rank) : 1;
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t o = 0; o < outer; ++o) {
                                    for (std::int64_t i = 0; i < inner; ++i) {
                                      const T* line = x.as<T>() + o * length * inner + i;
                                      T* target = out.as<T>() + o * length * inner + i;
                                      double largest = -INFINITY, total = 0;
                                      for (std::int64_t k = 0; k < length; ++k)
                                        largest = std::max(largest, load(line[k * inner]));
                                      for (std::int64_t k = 0; k < length; ++k)
                                        total += std::exp(load(line[k * inner]) - largest);
                                      for (std::int64_t k = 0; k < length; ++k) {
                                        const double value = load(line[k * inner]) - largest;
                                        store(target[k * inner],
                                              Log ? value - std::log(total) : std::exp(value) / total);
                                      }
                                    }
                                  }
                                }),
                    x.type());
}

/// A parameter per channel, of any float type.
std::span<double> channel_parameter(Call& call, int input, std::int64_t channels, Value& holder) {
  const Value& value = call.in(input);
  if (value.count() != channels)
    call.fail(std::to_string(channels) + " values in input " + std::to_string(input), value.shape().text());
  const auto numbers = call.scratch<double>(holder, channels);
  call.require_type(visit_float(value.type(),
                                [&]<typename T>() {
                                  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = load(value.as<T>()[i]);
                                }),
                    value.type());
  return numbers;
}

void batch_normalization(Call& call) {
  if (call.node().integer("training_mode", 0) != 0) call.unsupported("training_mode");
  const Value& x = call.in(0);
  const std::int64_t channels = x.shape().rank() > 1 ? x.shape()[1] : 1;
  const std::int64_t batch = x.shape().rank() > 0 ? x.shape()[0] : 1,
                     plane = x.shape().product(std::min(2, x.shape().rank()), x.shape().rank());
  Value holders[4];
  const auto scale = channel_parameter(call, 1, channels, holders[0]),
             shift = channel_parameter(call, 2, channels, holders[1]);
  const auto mean = channel_parameter(call, 3, channels, holders[2]),
             variance = channel_parameter(call, 4, channels, holders[3]);
  const double epsilon = call.node().real("epsilon", 1e-5F);
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t p = 0; p < batch * channels; ++p) {
                                    const auto c = static_cast<std::size_t>(p % channels);
                                    const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
                                    for (std::int64_t i = p * plane; i < (p + 1) * plane; ++i)
                                      store(out.as<T>()[i], (load(x.as<T>()[i]) - mean[c]) * factor + shift[c]);
                                  }
                                }),
                    x.type());
}

struct Moments {
  double mean = 0, inverse_deviation = 0;
};
template <typename T>
Moments moments(const T* values, std::int64_t count, double epsilon) {
  double mean = 0, variance = 0;
  for (std::int64_t i = 0; i < count; ++i) mean += load(values[i]);
  mean /= static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) variance += (load(values[i]) - mean) * (load(values[i]) - mean);
  return {mean, 1 / std::sqrt(variance / static_cast<double>(count) + epsilon)};
}

/// Outputs 1 and 2, where wanted, are the mean and the inverse deviation as float32.
void layer_normalization(Call& call) {
  const Value& x = call.in(0);
  const int axis = call.axis(call.node().integer("axis", -1), x.shape().rank());
  const std::int64_t outer = x.shape().product(0, axis), length = x.shape().product(axis, x.shape().rank());
  Value holders[2];
  const auto scale = channel_parameter(call, 1, length, holders[0]);
  const auto shift = call.has(2) ? channel_parameter(call, 2, length, holders[1]) : std::span<double>();
  const double epsilon = call.node().real("epsilon", 1e-5F);
  Shape statistics = x.shape();
  for (int i = axis; i < statistics.rank(); ++i) statistics[i] = 1;
  const Value &out = call.out(0, x.type(), x.shape()), &means = call.out(1, Type::kFloat, statistics);
  const Value& deviations = call.out(2, Type::kFloat, statistics);
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t o = 0; o < outer; ++o) {
                                    const T* line = x.as<T>() + o * length;
                                    const Moments m = moments(line, length, epsilon);
                                    means.as<float>()[o] = static_cast<float>(m.mean);
                                    deviations.as<float>()[o] = static_cast<float>(m.inverse_deviation);
                                    for (std::int64_t i = 0; i < length; ++i) {
                                      const auto at = static_cast<std::size_t>(i);
                                      store(out.as<T>()[o * length + i],
                                            (load(line[i]) - m.mean) * m.inverse_deviation * scale[at] +
                                                (shift.empty() ? 0 : shift[at]));
                                    }
                                  }
                                }),
                    x.type());
}

void instance_normalization(Call& call) {
  const Value& x = call.in(0);
  const int rank = x.shape().rank();
  if (rank < 3) call.fail("a rank of at least 3", x.shape().text());
  const std::int64_t channels = x.shape()[1], plane = x.shape().product(2, rank);
  Value holders[2];
  const auto scale = channel_parameter(call, 1, channels, holders[0]),
             shift = channel_parameter(call, 2, channels, holders[1]);
  const double epsilon = call.node().real("epsilon", 1e-5F);
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t p = 0; p < x.shape()[0] * channels; ++p) {
                                    const auto c = static_cast<std::size_t>(p % channels);
                                    const Moments m = moments(x.as<T>() + p * plane, plane, epsilon);
                                    for (std::int64_t i = p * plane; i < (p + 1) * plane; ++i)
                                      store(out.as<T>()[i],
                                            (load(x.as<T>()[i]) - m.mean) * m.inverse_deviation * scale[c] + shift[c]);
                                  }
                                }),
                    x.type());
}

}  // namespace

std::span<const Operator> normalization_operators() {
  static constexpr Operator kTable[] = {
      {"Softmax", softmax<false>, 1, 1},
      {"LogSoftmax", softmax<true>, 1, 1},
      {"BatchNormalization", batch_normalization, 5, 1},
      {"LayerNormalization", layer_normalization, 2, 3},
      {"InstanceNormalization", instance_normalization, 3, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
