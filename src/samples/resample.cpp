#include "samples/resample.h"

#include <cstring>

namespace speedster::samples {
namespace {

/// Copies one axis of a block: `source` and `target` point at its first element.
void fill(const TensorView& values, const Shape& shape, std::size_t axis, const std::byte* source, std::byte* target,
          const std::vector<std::size_t>& source_strides, const std::vector<std::size_t>& target_strides) {
  const auto have = static_cast<std::size_t>(values.shape[axis]), want = static_cast<std::size_t>(shape[axis]);
  for (std::size_t i = 0; i < want; ++i) {
    const std::byte* from = source + (i % have) * source_strides[axis];
    std::byte* to = target + i * target_strides[axis];
    if (axis + 1 == shape.size())
      std::memcpy(to, from, source_strides[axis]);
    else
      fill(values, shape, axis + 1, from, to, source_strides, target_strides);
  }
}

std::vector<std::size_t> byte_strides(const Shape& shape, std::size_t element) {
  std::vector<std::size_t> strides(shape.size(), element);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * static_cast<std::size_t>(shape[i]);
  return strides;
}

}  // namespace

Result<Tensor> resample(const TensorView& values, const Shape& shape, const std::string& name) {
  if (shape.size() != values.shape.size() || !element_count(shape))
    return Error(ErrorKind::kBadInput, "[samples] expected a shape of rank " + std::to_string(values.shape.size()) +
                                           " for the input \"" + name + "\", got " + to_string(shape));
  Tensor made(values.dtype, shape);
  if (made.bytes() == 0) return made;
  if (shape.empty() || values.bytes() == 0) {
    if (values.bytes() == made.bytes())
      std::memcpy(made.data(), values.data, made.bytes());
    else
      std::memset(made.data(), 0, made.bytes());
    return made;
  }
  const std::size_t element = byte_size(values.dtype);
  fill(values, shape, 0, static_cast<const std::byte*>(values.data), static_cast<std::byte*>(made.data()),
       byte_strides(Shape(values.shape.begin(), values.shape.end()), element), byte_strides(shape, element));
  return made;
}

}  // namespace speedster::samples
