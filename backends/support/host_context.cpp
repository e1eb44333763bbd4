#include "support/host_context.h"

#include <cstring>

#include "support/fault.h"

namespace speedster::plugin {

namespace {

/// Memory for tensors without elements, where a caller may give NULL and a vendor wants an address.
alignas(kAlignment) std::byte g_nothing[kAlignment];

void* address(void* data) { return data == nullptr ? g_nothing : data; }

}  // namespace

void HostContext::set_input(std::uint32_t index, void* data, std::span<const std::int64_t> shape) {
  Input& input = inputs_[index];
  const bool same = input.bound && std::ranges::equal(shape, input.shape);
  if (same) {
    read_from(index, address(data), input.shape);
  } else {
    planned_ = false;
    Shape wanted(shape.begin(), shape.end());
    read_from(index, address(data), wanted);  // what it refuses changes nothing
    input.shape = std::move(wanted);
  }
  input.data = address(data);
  input.bound = true;
}

void HostContext::bind_input(std::uint32_t index, const DLTensor* tensor) {
  const sp_tensor_info& info = input_info(index);
  if (tensor == nullptr)
    fail(SP_INVALID, std::string("expected a tensor for the required input '") + info.name + "', got none");
  check_binding(who_, info, *tensor, true);
  set_input(index, data_of(*tensor), shape_of(*tensor));
}

void HostContext::reshape_input(std::uint32_t index, std::int32_t rank, const std::int64_t* shape) {
  const sp_tensor_info& info = input_info(index);
  void* data = bound_input(index).data;
  if (rank < 0 || (rank > 0 && shape == nullptr)) fail(SP_INVALID, "expected a shape, got none");
  const std::span<const std::int64_t> wanted(shape, static_cast<std::size_t>(rank));
  check_shape(who_, info, wanted);
  set_input(index, data, wanted);
}

void HostContext::bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity) {
  const sp_tensor_info& info = output_info(index);
  if (tensor != nullptr) {
    check_binding(who_, info, *tensor, false);
    if (capacity > 0) require(tensor->data, who_, "memory for an output");
  }
  Output& output = outputs_[index];
  output.bound = tensor != nullptr;
  output.data = tensor == nullptr ? nullptr : address(data_of(*tensor));
  output.capacity = tensor == nullptr ? 0 : capacity;
  planned_ = false;
}

void HostContext::plan() {
  key_.clear();
  std::vector<Shape> shapes;
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    const Shape& shape = shapes.emplace_back(bound_input(i).shape);
    key_.push_back(static_cast<std::int64_t>(shape.size()));
    key_.insert(key_.end(), shape.begin(), shape.end());
  }
  const Shapes foretold = shapes_.foretell(key_);
  any_anywhere_ = false;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    const auto passed = std::ranges::find(passed_, i, &Passed::output);
    plan_output(i, passed == passed_.end() ? foretold[i] : inputs_[passed->input].shape);
  }
  planned(shapes);
  planned_ = true;
}

void HostContext::find_passed() {
  for (std::uint32_t o = 0; o < signature_.outputs; ++o)
    for (std::uint32_t i = 0; i < signature_.inputs; ++i)
      if (std::strcmp(signature_.output[o]->name, signature_.input[i]->name) == 0 &&
          same_dtype(signature_.output[o]->dtype, signature_.input[i]->dtype))
        passed_.push_back({i, o});
}

void HostContext::copy_passed() {
  for (const Passed& passed : passed_) {
    const Input& from = inputs_[passed.input];
    const std::uint64_t bytes = *byte_count(input_info(passed.input).dtype, from.shape);
    if (bytes > 0) std::memmove(outputs_[passed.output].result, from.data, bytes);
  }
}

void HostContext::plan_output(std::uint32_t index, const std::optional<Shape>& shape) {
  Output& output = outputs_[index];
  if (!shape) {
    output.mode = Mode::kAnywhere;
    any_anywhere_ = true;
    return;  // told to the vendor before each execution
  }
  output.shape = *shape;
  output.strides = contiguous_strides(output.shape);
  if (output.bound && *byte_count(output_info(index).dtype, output.shape) <= output.capacity) {
    output.mode = Mode::kDirect;
    output.callers = true;
    output.result = output.data;
    write_to(index, output.data, output.shape);
  } else {
    output.mode = Mode::kOwn;
    output.callers = false;
    output.result = write_to_own(index, output.shape);
  }
  output.taken = false;
}

bool HostContext::end_run(const sp_token* token) {
  const bool stopped = stopper_.end();
  if (token != nullptr) watch_.end();
  if (stopped) forget_stop();
  return stopped;
}

void HostContext::run_once(const sp_token* token) {
  ready_ = false;
  if (token_cancelled(token)) fail(SP_CANCELLED, "cancelled before the execution began");
  if (!planned_) plan();
  for (std::uint32_t i = 0; any_anywhere_ && i < outputs_.size(); ++i)
    if (outputs_[i].mode == Mode::kAnywhere) write_anywhere(i);

  bool stopped = false;
  stopper_.begin();
  try {
    if (token != nullptr) watch_.begin(token);
    run();
    stopped = end_run(token);
  } catch (...) {
    if (!end_run(token)) throw;
    stopped = true;
  }
  if (stopped) fail(SP_CANCELLED, "cancelled");
  for (std::uint32_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].mode != Mode::kAnywhere && std::ranges::find(passed_, i, &Passed::output) == passed_.end())
      confirm_shape(i, outputs_[i].shape);
  copy_passed();
  if (any_anywhere_) collect();
  ready_ = true;
}

void HostContext::collect() {
  collect_results();
  Shapes shapes;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    if (output.mode == Mode::kAnywhere) {
      Result found = result(i);
      output.result = address(found.data);
      output.shape = std::move(found.shape);
      output.strides = contiguous_strides(output.shape);
      output.taken = false;
      const std::uint64_t bytes = *byte_count(output_info(i).dtype, output.shape);
      output.callers = output.bound && bytes <= output.capacity;
      if (output.callers) {
        if (bytes > 0) std::memcpy(output.data, output.result, bytes);
        output.result = output.data;
      }
    }
    shapes.emplace_back(output.shape);
  }
  shapes_.remember(key_, std::move(shapes));
  // The next execution can go straight into the caller's memory where the shape is now foretold.
  const Shapes foretold = shapes_.foretell(key_);
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].mode == Mode::kAnywhere && foretold[i]) planned_ = false;
}

void HostContext::execute(const sp_run* run) {
  if (faults_asked_) test_fault(who_, "execute");
  const RunRequest request = RunRequest::from(run, who_);
  if (request.done == nullptr) return run_once(request.token);
  finish();
  asynchronous_ =
      std::thread([this, request] { request.done(request.user, guard(who_, [&] { run_once(request.token); })); });
}

void HostContext::output(std::uint32_t index, DLTensor* view, int* in_bound_memory) const {
  require(view, who_, "a tensor to fill");
  const sp_tensor_info& info = output_info(index);
  const Output& output = outputs_[index];
  if (!ready_ || output.taken)
    fail(SP_INVALID,
         std::string("expected a finished execution before the output '") + info.name + "' is read, got none");
  *view = {output.result,
           {kDLCPU, 0},
           static_cast<std::int32_t>(output.shape.size()),
           info.dtype,
           const_cast<std::int64_t*>(output.shape.data()),
           const_cast<std::int64_t*>(output.strides.data()),
           0};
  if (in_bound_memory != nullptr) *in_bound_memory = output.callers ? 1 : 0;
}

DLManagedTensorVersioned* HostContext::take_output(std::uint32_t index) {
  const sp_tensor_info& info = output_info(index);
  Output& output = outputs_[index];
  if (!ready_ || output.taken || output.callers)
    fail(SP_INVALID, std::string("expected an output that the backend owns, got '") + info.name +
                         "'; try without binding it, after an execution");
  void* data = output.result;
  std::shared_ptr<void> owner = give_away(index);
  if (owner == nullptr) {
    const std::uint64_t bytes = *byte_count(info.dtype, output.shape);
    owner = allocate(bytes);
    if (bytes > 0) std::memcpy(owner.get(), data, bytes);
    data = owner.get();
  }
  output.taken = true;
  planned_ = false;  // the next execution must not write into what was given away
  return make_managed(std::move(owner), data, info.dtype, output.shape);
}

}  // namespace speedster::plugin
