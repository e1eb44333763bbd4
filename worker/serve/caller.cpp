#include "worker/serve/caller.h"

namespace speedster::worker {

Inputs::Inputs(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
  for (Tensor& tensor : tensors_)
    bindings_.push_back({tensor.data(),
                         {kDLCPU, 0},
                         static_cast<std::int32_t>(tensor.shape().size()),
                         info(tensor.dtype()).dl,
                         const_cast<std::int64_t*>(tensor.shape().data()),
                         nullptr,
                         0});
}

bool Inputs::same_shapes(const Inputs& other) const {
  return std::equal(tensors_.begin(), tensors_.end(), other.tensors_.begin(), other.tensors_.end(),
                    [](const Tensor& a, const Tensor& b) { return a.shape() == b.shape(); });
}

Caller::Caller(Context context, std::uint32_t outputs) : context_(std::move(context)), outputs_(outputs) {}

speedster_error* Caller::call(const Inputs& inputs) noexcept {
  speedster_context* context = context_.get();
  if (bound_ != &inputs) {
    const std::vector<DLTensor>& bindings = inputs.bindings();
    for (std::uint32_t i = 0; i < bindings.size(); ++i)
      if (speedster_error* error = speedster_bind_input(context, i, &bindings[i])) return error;
    bound_ = &inputs;
  }
  if (speedster_error* error = speedster_run(context)) return error;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    DLTensor view;
    std::int32_t in_bound_memory = 0;
    if (speedster_error* error = speedster_get_output(context, i, &view, &in_bound_memory)) return error;
  }
  return nullptr;
}

Result<void> Caller::run(const Inputs& inputs) {
  bound_ = nullptr;  // the memory of an earlier sample may be where this one's is
  return detail::take(call(inputs));
}

Result<std::vector<TensorView>> Caller::outputs() const {
  std::vector<TensorView> views;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    SPEEDSTER_ASSIGN(views.emplace_back(), context_.output(i));
  }
  return views;
}

Result<void> Caller::see_outputs() {
  SPEEDSTER_ASSIGN(const std::vector<TensorView> seen, outputs());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    Output& output = outputs_[i];
    output.dtype = seen[i].dtype;
    if (seen[i].bytes() < output.bytes || (output.bound && seen[i].bytes() == output.bytes)) continue;
    output.shape.assign(seen[i].shape.begin(), seen[i].shape.end());
    output.bytes = seen[i].bytes();
  }
  return {};
}

Result<void> Caller::bind_outputs() {
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    if (output.bound && output.memory.bytes() >= output.bytes) continue;
    output.memory = Tensor(output.dtype, output.shape);
    // The pages are there before the clock starts.
    if (output.memory.bytes() > 0) std::memset(output.memory.data(), 0, output.memory.bytes());
    SPEEDSTER_TRY(context_.bind_output(i, output.memory.view()));
    output.bound = true;
  }
  return {};
}

Result<void> Caller::release_outputs() {
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].bound) continue;
    SPEEDSTER_TRY(context_.unbind_output(i));
    outputs_[i].bound = false;
  }
  return {};
}

}  // namespace speedster::worker
