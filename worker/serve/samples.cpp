#include "worker/serve/samples.h"

#include <cstring>

namespace speedster::worker {

Result<OwnedSample> copy_sample(const samples::SampleStore& store, std::size_t index) {
  SPEEDSTER_ASSIGN(const std::vector<TensorView> views, store.sample(index));
  OwnedSample sample;
  for (const TensorView& view : views)
    sample.push_back(Tensor::from<std::byte>(view.dtype, Shape(view.shape.begin(), view.shape.end()),
                                             {static_cast<const std::byte*>(view.data), view.bytes()}));
  store.forget(index);
  return sample;
}

Result<Tensor> resized(const Tensor& tensor, const Shape& shape) {
  const Shape& from = tensor.shape();
  if (from.size() != shape.size())
    return Error(ErrorKind::kInternal, "[serve] expected a shape of rank " + std::to_string(from.size()) + ", got " + to_string(shape));
  if (!element_count(shape)) return Error(ErrorKind::kInternal, "[serve] expected a valid shape, got " + to_string(shape));
  Tensor out(tensor.dtype(), shape);
  if (out.count() == 0) return out;
  if (tensor.count() == 0) {
    std::memset(out.data(), 0, out.bytes());
    return out;
  }
  const std::size_t item = byte_size(tensor.dtype());
  const auto* source = static_cast<const std::byte*>(tensor.data());
  auto* target = static_cast<std::byte*>(out.data());
  std::vector<std::int64_t> position(shape.size(), 0);
  for (std::int64_t i = 0; i < out.count(); ++i) {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) offset = offset * from[axis] + position[axis] % from[axis];
    std::memcpy(target + static_cast<std::size_t>(i) * item, source + static_cast<std::size_t>(offset) * item, item);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++position[axis] < shape[axis]) break;
      position[axis] = 0;
    }
  }
  return out;
}

}  // namespace speedster::worker
