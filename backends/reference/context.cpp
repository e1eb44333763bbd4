#include "reference/context.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "reference/copy.h"
#include "reference/options.h"
#include "support/json.h"

namespace speedster::reference {
namespace {

using plugin::Failure;

const Entry& find_entry(const Model& model, std::uint32_t index) {
  if (index >= model.entries().size())
    throw Failure(SP_NOT_FOUND, "[reference] expected an entry below " + std::to_string(model.entries().size()) +
                                    ", got " + std::to_string(index));
  return model.entries()[index];
}

Type type_of_dtype(DLDataType dtype) {
  auto type = Type::kFloat;
  while (!plugin::same_dtype(*dl_dtype(type), dtype)) type = static_cast<Type>(static_cast<int>(type) + 1);
  return type;
}

/// SP_SHAPE where the kernels cannot count in it.
Shape input_shape(const sp_tensor_info& declared, std::span<const std::int64_t> extents) {
  const Shape shape(extents);
  if (!fits(type_of_dtype(declared.dtype), shape))
    throw Failure(SP_SHAPE, std::string("[reference] expected extents whose product fits in memory for '") +
                                declared.name + "', got " + shape.text());
  return shape;
}

template <typename From, typename To>
Value converted(const Value& value, Type type, Pool& pool) {
  Value result(type, value.shape(), pool);
  std::transform(value.as<From>(), value.as<From>() + value.count(), result.as<To>(),
                 [](From element) { return static_cast<To>(element); });
  return result;
}
Value widened(const Value& value, Pool& pool) { return converted<float, double>(value, Type::kDouble, pool); }
Value narrowed(const Value& value, Pool& pool) { return converted<double, float>(value, Type::kFloat, pool); }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Context::Context(std::shared_ptr<const Model> model, std::uint32_t entry)
    : model_(std::move(model)),
      entry_(find_entry(*model_, entry)),
      values_(model_->constants().size()),
      inputs_(entry_.inputs.size()),
      outputs_(entry_.outputs.size()),
      seconds_(entry_.steps.size()) {
  std::size_t most_inputs = 0, most_outputs = 0;
  for (const Step& step : model_->steps()) {
    most_inputs = std::max(most_inputs, step.inputs.size());
    most_outputs = std::max(most_outputs, step.outputs.size());
  }
  node_inputs_.resize(most_inputs);
  node_outputs_.resize(most_outputs);
  if (model_->precision() != Precision::kFloat64) return;
  wide_inputs_.resize(most_inputs);
  wide_constants_.resize(model_->constants().size());
}

Context::~Context() {
  if (worker_.joinable()) {
    cancel_.request();
    worker_.join();
  }
}

const sp_tensor_info& Context::info(std::uint32_t index, bool is_input) const {
  const sp_signature& signature = *entry_.signature->get();
  const std::uint32_t count = is_input ? signature.inputs : signature.outputs;
  if (index >= count) {
    throw Failure(SP_NOT_FOUND, std::string("[reference] expected an ") + (is_input ? "input" : "output") + " below " +
                                    std::to_string(count) + ", got " + std::to_string(index));
  }
  return *(is_input ? signature.input : signature.output)[index];
}

void Context::bind_input(std::uint32_t index, const DLTensor* tensor) {
  const sp_tensor_info& declared = info(index, true);
  Input& input = inputs_[index];
  if (tensor == nullptr) {
    if ((declared.flags & 1U) == 0)
      throw Failure(SP_INVALID, std::string("[reference] expected a tensor for the required input '") + declared.name +
                                    "', got NULL");
    input = {};
    return;
  }
  plugin::check_binding(kWho, declared, *tensor, true);
  input = {true, plugin::data_of(*tensor), input_shape(declared, plugin::shape_of(*tensor))};
}

void Context::reshape_input(std::uint32_t index, std::span<const std::int64_t> shape) {
  const sp_tensor_info& declared = info(index, true);
  if (!inputs_[index].bound)
    throw Failure(SP_INVALID, std::string("[reference] expected '") + declared.name +
                                  "' to be bound before it is reshaped, got no binding");
  plugin::check_shape(kWho, declared, shape);
  const Shape wanted = input_shape(declared, shape);
  if (inputs_[index].data == nullptr && wanted.count() != 0)
    throw Failure(SP_SHAPE, std::string("[reference] expected memory for '") + declared.name + "', got NULL");
  inputs_[index].shape = wanted;
}

void Context::bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity) {
  const sp_tensor_info& declared = info(index, false);
  Output& output = outputs_[index];
  if (tensor != nullptr) plugin::check_binding(kWho, declared, *tensor, false);
  if (tensor != nullptr && tensor->data == nullptr && capacity != 0)
    throw Failure(SP_INVALID, std::string("[reference] expected memory of ") + std::to_string(capacity) +
                                  " bytes for '" + declared.name + "', got NULL");
  output.bound = tensor != nullptr;
  output.data = tensor != nullptr ? plugin::data_of(*tensor) : nullptr;
  output.capacity = tensor != nullptr ? capacity : 0;
}

void Context::execute(const sp_run* run_request) {
  const auto request = plugin::RunRequest::from(run_request, kWho);
  // The callback of an asynchronous execution may start the next one: on its own thread there is nothing to wait for.
  if (worker_.get_id() == std::this_thread::get_id()) worker_.detach();
  if (worker_.joinable()) worker_.join();
  cancel_.begin();  // here and not in the worker: a cancel right after an asynchronous execute has something to end
  if (request.done == nullptr) return run(request.token);
  worker_ =
      std::thread([this, request] { request.done(request.user, plugin::guard(kWho, [&] { run(request.token); })); });
}

void Context::run(const sp_token* token) {
  struct Ended {
    Context& context;
    ~Ended() {
      context.cancel_.end();
      for (Value& value : context.values_) value.reset();
      for (Value& value : context.node_outputs_) value.reset();
      context.model_->delay().ended();
    }
  } ended{*this};
  has_results_ = false;
  for (Output& output : outputs_) output.result.reset();

  struct Watch {
    const Context* context;
    const sp_token* token;
    static bool cancelled(void* user) {
      const auto* self = static_cast<const Watch*>(user);
      return self->context->cancel_.requested() || plugin::token_cancelled(self->token);
    }
  } watch{this, token};
  const auto poll = [&watch] {
    if (Watch::cancelled(&watch)) throw Cancelled{};
  };
  try {
    const std::uint64_t execution = model_->count_execution();
    model_->fault().strike_execution(execution, poll);
    place_inputs();
    for (std::size_t i = 0; i < entry_.steps.size(); ++i) {
      poll();
      const auto start = std::chrono::steady_clock::now();
      run_step(i, Watch::cancelled, &watch);
      seconds_[i] += seconds_since(start);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) finish_output(i, execution);
    std::uint64_t elements = 0;
    for (const Input& input : inputs_) elements += static_cast<std::uint64_t>(input.bound ? input.shape.count() : 0);
    stay_busy(model_->delay().next(elements), poll);
  } catch (const Cancelled&) {
    throw Failure(SP_CANCELLED, "[reference] expected to finish, got a cancellation");
  }
  ++executions_;
  has_results_ = true;
}

void Context::place_inputs() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    const sp_tensor_info& declared = info(static_cast<std::uint32_t>(i), true);
    if (!input.bound) {
      if (declared.flags & 1U) continue;
      throw Failure(SP_INVALID, std::string("[reference] expected the required input '") + declared.name +
                                    "' to be bound, got no binding");
    }
    const Type type = type_of_dtype(declared.dtype);
    Value value(type, input.shape, input.data);
    const std::size_t alignment = std::min<std::size_t>(std::max<std::size_t>(element_bytes(type), 1), 8);
    if (reinterpret_cast<std::uintptr_t>(input.data) % alignment != 0) {  // kernels look at aligned elements only
      value = Value(type, input.shape, pool_);
      if (value.bytes() != 0) std::memcpy(value.data(), input.data, value.bytes());
    }
    slot(entry_.inputs[i]) = std::move(value);
  }
}

const Value* Context::look(int index) const {
  if (index < 0) return nullptr;
  const Value& value = values_[static_cast<std::size_t>(index)];
  if (value.present()) return &value;
  const Value& constant = model_->constants()[static_cast<std::size_t>(index)];
  return constant.present() ? &constant : nullptr;
}

void Context::run_step(std::size_t position, bool (*cancelled)(void*), void* user) {
  const Step& step = model_->steps()[static_cast<std::size_t>(entry_.steps[position])];
  for (std::size_t i = 0; i < step.inputs.size(); ++i) node_inputs_[i] = look(step.inputs[i]);
  Call call(*step.node, model_->opset(), std::span(node_inputs_).first(step.inputs.size()),
            std::span(node_outputs_).first(step.outputs.size()), pool_, cancelled, user);
  if (model_->precision() == Precision::kFloat64) widen_inputs(step);
  step.op->kernel(call);
  round_results(step);
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    if (step.outputs[i] >= 0) slot(step.outputs[i]) = std::move(node_outputs_[i]);
    node_outputs_[i].reset();
  }
  for (const int released : entry_.releases[position]) slot(released).reset();
}

/// float32 results of a node take values of the wanted precision. What shares memory with its input was rounded before.
void Context::round_results(const Step& step) {
  if (model_->precision() == Precision::kFloat32) return;
  if (model_->precision() == Precision::kFloat64) return widen_results(step);
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    const Value& value = node_outputs_[i];
    if (value.type() != Type::kFloat || value.buffer() == nullptr || value.buffer()->users != 1) continue;
    const bool brain = model_->precision() == Precision::kBFloat16;
    for (std::int64_t k = 0, count = value.count(); k < count; ++k) {
      float& element = value.as<float>()[k];
      element = static_cast<float>(brain ? BFloat16::round(element) : Float16::round(element));
    }
  }
}

void Context::widen_inputs(const Step& step) {
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    wide_inputs_[i].reset();
    const Value* value = node_inputs_[i];
    // Scales are parameters: their type is given.
    if (value == nullptr || value->type() != Type::kFloat || (step.node->op == "Resize" && i > 0)) continue;
    const auto slot_index = static_cast<std::size_t>(step.inputs[i]);
    const bool is_constant = value == &model_->constants()[slot_index];
    Value& wide = is_constant ? wide_constants_[slot_index] : wide_inputs_[i];
    if (!wide.present()) wide = widened(*value, pool_);
    node_inputs_[i] = &wide;
  }
}

void Context::widen_results(const Step& step) {
  if (step.node->op == "Constant") return;  // it may be a parameter; who computes with it widens it
  for (std::size_t i = 0; i < step.outputs.size(); ++i)
    if (node_outputs_[i].type() == Type::kFloat) node_outputs_[i] = widened(node_outputs_[i], pool_);
}

void Context::finish_output(std::size_t index, std::uint64_t execution) {
  const sp_tensor_info& declared = info(static_cast<std::uint32_t>(index), false);
  const Value* found = look(entry_.outputs[index]);
  if (found == nullptr)
    throw Failure(SP_INTERNAL, std::string("[reference] expected a value for '") + declared.name + "', got none");
  Value narrow;
  if (model_->precision() == Precision::kFloat64 && found->type() == Type::kDouble &&
      plugin::same_dtype(*dl_dtype(Type::kFloat), declared.dtype)) {
    narrow = narrowed(*found, pool_);
    found = &narrow;
  }
  if (!plugin::same_dtype(*dl_dtype(found->type()), declared.dtype))
    throw Failure(SP_INVALID, std::string("[reference] expected ") + plugin::dtype_name(declared.dtype) +
                                  " for output '" + declared.name + "', got " + type_name(found->type()));

  Output& output = outputs_[index];
  output.taken = false;
  const std::uint64_t bytes = found->bytes();
  output.in_bound_memory = output.bound && bytes <= output.capacity;
  // The caller's inputs, constants and values that another output shares are copied before anything may change them.
  const bool exclusive = found->buffer() != nullptr && found->buffer()->users == 1;
  Value value = *found;
  if (!exclusive) {
    value = Value(found->type(), found->shape(), pool_);
    if (bytes != 0) std::memcpy(value.data(), found->data(), bytes);
  }
  perturb(value, model_->error());
  model_->fault().spoil(value, execution);
  if (output.in_bound_memory) {
    if (bytes != 0) std::memcpy(output.data, value.data(), bytes);
    value = Value(value.type(), value.shape(), output.data);
  }
  const Strides strides = contiguous(value.shape());
  for (std::size_t axis = 0; axis < kMaxRank; ++axis) {
    output.shape[axis] = axis < static_cast<std::size_t>(value.shape().rank()) ? value.shape().span()[axis] : 0;
    output.strides[axis] = strides[axis];
  }
  output.result = std::move(value);
}

void Context::output(std::uint32_t index, DLTensor& view, int* in_bound_memory) {
  const sp_tensor_info& declared = info(index, false);
  Output& output = outputs_[index];
  if (!has_results_ || output.taken) {
    throw Failure(SP_INVALID, std::string("[reference] expected a finished execution for '") + declared.name +
                                  "', got " + (output.taken ? "an output that was taken" : "none"));
  }
  view = {output.result.data(),
          {kDLCPU, 0},
          output.result.shape().rank(),
          declared.dtype,
          output.shape.data(),
          output.strides.data(),
          0};
  if (in_bound_memory != nullptr) *in_bound_memory = output.in_bound_memory ? 1 : 0;
}

DLManagedTensorVersioned* Context::take_output(std::uint32_t index) {
  DLTensor view;
  int in_bound_memory = 0;
  output(index, view, &in_bound_memory);
  Output& output = outputs_[index];
  if (in_bound_memory != 0)
    throw Failure(SP_INVALID, std::string("[reference] expected an output that the backend owns, got '") +
                                  info(index, false).name + "' in the caller's memory");
  DLManagedTensorVersioned* taken =
      plugin::make_managed(output.result.buffer()->memory, view.data, view.dtype, plugin::shape_of(view));
  output.result.buffer()->memory.reset();  // the receiver's now; the pool allocates another
  output.result.buffer()->capacity = 0;
  output.result.reset();
  output.taken = true;
  return taken;
}

std::string Context::profile() const {
  plugin::JsonWriter json;
  json.object().field("unit", "seconds").field("executions", executions_).array("nodes");
  for (std::size_t i = 0; i < entry_.steps.size(); ++i) {
    const Node& node = *model_->steps()[static_cast<std::size_t>(entry_.steps[i])].node;
    json.object()
        .field("name", std::string_view(node.name))
        .field("op", std::string_view(operator_name(node)))
        .field("seconds", seconds_[i])
        .end();
  }
  json.end().end();
  return json.text();
}

}  // namespace speedster::reference
