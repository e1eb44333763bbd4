#include "learner/context.h"

#include <algorithm>

namespace speedster::learner {
namespace {

Error mismatch(const TensorSpec& spec, const std::string& got) {
  return {ErrorKind::kBadInput, "[learner] expected " + describe(spec) + ", got " + got};
}

Error no_tensor(std::size_t count, std::uint32_t index, const char* what) {
  return {ErrorKind::kUsage, "[learner] expected an index below " + std::to_string(count) + " of the " + what +
                                 ", got " + std::to_string(index)};
}

std::string dtype_name(DLDataType dtype) {
  const auto known = dtype_from_dl(dtype);
  if (known) return std::string(name(*known));
  return "DLPack type " + std::to_string(dtype.code) + " of " + std::to_string(dtype.bits) + " bits";
}

/// Fixed dimensions of the signature against those given.
Result<void> check_dimensions(const TensorSpec& spec, std::span<const std::int64_t> shape) {
  if (!spec.unknown_rank && shape.size() != spec.axes.size())
    return mismatch(spec, "rank " + std::to_string(shape.size()) + " (" + to_string(shape) + ")");
  if (!element_count(shape)) return mismatch(spec, "dimensions that are negative or too large");
  for (std::size_t i = 0; i < spec.axes.size(); ++i)
    if (!spec.axes[i].dynamic() && spec.axes[i].value != shape[i]) return mismatch(spec, to_string(shape));
  return {};
}

}  // namespace

Context::Context(std::shared_ptr<const Learner> learner, backend::Context context)
    : learner_(std::move(learner)),
      context_(std::move(context)),
      table_(&context_.table()),
      raw_(context_.raw()),
      inputs_(learner_->signature().inputs.size()),
      outputs_(learner_->signature().outputs.size()) {}

Result<Context> Context::create(std::shared_ptr<const Learner> learner) {
  SPEEDSTER_ASSIGN(backend::Context context,
                   learner->model().open_context(learner->model_entry(), learner->context_options()));
  return Context(std::move(learner), std::move(context));
}

Result<void> Context::check(const TensorSpec& spec, const DLTensor& tensor, bool fixed_dimensions) {
  const DLDataType wanted = info(spec.dtype).dl;
  if (tensor.dtype.code != wanted.code || tensor.dtype.bits != wanted.bits || tensor.dtype.lanes != wanted.lanes)
    return mismatch(spec, dtype_name(tensor.dtype));
  if (tensor.device.device_type != kDLCPU) return mismatch(spec, "memory of another device; try a host tensor");
  if (tensor.ndim < 0 || static_cast<std::size_t>(tensor.ndim) > kMaxRank)
    return mismatch(spec, "rank " + std::to_string(tensor.ndim));
  if (tensor.ndim > 0 && tensor.shape == nullptr) return mismatch(spec, "no shape");
  const std::span<const std::int64_t> shape(tensor.shape, static_cast<std::size_t>(tensor.ndim));
  if (fixed_dimensions) SPEEDSTER_TRY(check_dimensions(spec, shape));
  const auto count = element_count(shape);
  if (!count) return mismatch(spec, "dimensions that are negative or too large");
  if (!spec.unknown_rank && shape.size() != spec.axes.size())
    return mismatch(spec, "rank " + std::to_string(tensor.ndim));
  if (*count > 0 && tensor.data == nullptr) return mismatch(spec, "no memory");
  if (tensor.strides == nullptr || *count == 0) return {};
  std::int64_t compact = 1;
  for (std::size_t i = shape.size(); i-- > 0; compact *= shape[i])
    if (shape[i] != 1 && tensor.strides[i] != compact)
      return mismatch(spec, "memory that is not contiguous; try a copy of it");
  return {};
}

DLTensor Context::keep(const DLTensor& tensor, Binding& binding) {
  DLTensor kept = tensor;
  kept.shape = binding.shape.data();
  kept.strides = binding.strides.data();
  std::int64_t compact = 1;
  for (std::size_t i = static_cast<std::size_t>(tensor.ndim); i-- > 0;) {
    binding.shape[i] = tensor.shape[i];
    binding.strides[i] = compact;
    compact *= std::max<std::int64_t>(tensor.shape[i], 1);
  }
  return kept;
}

Result<void> Context::bind_input(std::uint32_t index, const DLTensor* tensor) {
  if (index >= inputs_.size()) return no_tensor(inputs_.size(), index, "inputs");
  const std::uint32_t mapped = learner_->input_map()[index];
  if (tensor == nullptr) return context_.bind_input(mapped, nullptr);
  SPEEDSTER_TRY(check(learner_->signature().inputs[index], *tensor, /*fixed_dimensions=*/true));
  const DLTensor kept = keep(*tensor, inputs_[index]);
  return context_.bind_input(mapped, &kept);
}

Result<void> Context::bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity) {
  if (index >= outputs_.size()) return no_tensor(outputs_.size(), index, "outputs");
  const std::uint32_t mapped = learner_->output_map()[index];
  if (tensor == nullptr) return context_.bind_output(mapped, nullptr, 0);
  // The size of the result is not the binding's affair: what does not fit stays with the backend.
  SPEEDSTER_TRY(check(learner_->signature().outputs[index], *tensor, /*fixed_dimensions=*/false));
  const DLTensor kept = keep(*tensor, outputs_[index]);
  return context_.bind_output(mapped, &kept, capacity);
}

Result<void> Context::reshape_input(std::uint32_t index, std::span<const std::int64_t> shape) {
  if (index >= inputs_.size()) return no_tensor(inputs_.size(), index, "inputs");
  SPEEDSTER_TRY(check_dimensions(learner_->signature().inputs[index], shape));
  return context_.reshape_input(learner_->input_map()[index], shape);
}

Result<void> Context::output(std::uint32_t index, DLTensor* view, int* in_bound_memory) {
  if (index >= outputs_.size()) return no_tensor(outputs_.size(), index, "outputs");
  return context_.output(learner_->output_map()[index], view, in_bound_memory);
}

Result<DLManagedTensorVersioned*> Context::take_output(std::uint32_t index) {
  if (index >= outputs_.size()) return no_tensor(outputs_.size(), index, "outputs");
  return context_.take_output(learner_->output_map()[index]);
}

Result<void> Context::cancel() { return context_.cancel(); }
Result<Json> Context::profile() { return context_.profile(); }
std::string Context::who() const { return "backend/" + learner_->variant().backend; }

}  // namespace speedster::learner
