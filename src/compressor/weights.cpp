#include "compressor/weights.h"

#include <algorithm>
#include <cmath>

namespace speedster::compressor {

Result<QuantizedWeight> quantize_weight(const Tensor& weight, std::int64_t axis, int bits,
                                        std::span<const double> least) {
  const auto values = weight.as<float>();
  if (weight.dtype() != DType::kFloat32 || values.empty() || axis >= static_cast<std::int64_t>(weight.shape().size()))
    return Error(ErrorKind::kBadInput, "[quantize] expected float32 weights, got " + std::string(name(weight.dtype())) +
                                           " " + to_string(weight.shape()));
  // The tensor as [outer, channels, inner].
  std::size_t channels = 1, inner = values.size();
  if (axis >= 0) {
    channels = static_cast<std::size_t>(weight.shape()[static_cast<std::size_t>(axis)]);
    inner = slice_size(weight.shape(), axis);
  }
  std::vector<float> largest(channels, 0.0F);
  float all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float size = std::abs(values[i]);
    if (!std::isfinite(size))
      return Error(ErrorKind::kBadInput, "[quantize] expected finite weights, got " + std::to_string(values[i]));
    float& here = largest[i / inner % channels];
    here = std::max(here, size);
    all = std::max(all, size);
  }
  const float limit = static_cast<float>((1 << (bits - 1)) - 1);
  QuantizedWeight result{Tensor(DType::kInt8, weight.shape()), std::vector<float>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    float scale = (largest[c] > 0 ? largest[c] : all > 0 ? all : 1.0F) / limit;
    if (!least.empty()) scale = std::max(scale, static_cast<float>(least[c]));
    result.scales[c] = std::max(scale, std::numeric_limits<float>::min());  // denormal scales are flushed to zero
  }
  const auto quantized = result.values.as<std::int8_t>();
  for (std::size_t i = 0; i < values.size(); ++i)
    quantized[i] = static_cast<std::int8_t>(
        std::clamp(std::nearbyint(values[i] / result.scales[i / inner % channels]), -limit, limit));
  return result;
}

std::size_t slice_size(const Shape& shape, std::int64_t axis) {
  std::size_t size = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i)
    size *= static_cast<std::size_t>(shape[i]);
  return size;
}

Tensor transposed(const Tensor& matrix) {
  const auto rows = static_cast<std::size_t>(matrix.shape()[0]), columns = static_cast<std::size_t>(matrix.shape()[1]);
  Tensor result(matrix.dtype(), {matrix.shape()[1], matrix.shape()[0]});
  const auto from = matrix.as<float>();
  const auto to = result.as<float>();
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  return result;
}

}  // namespace speedster::compressor
