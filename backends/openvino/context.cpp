#include "openvino/context.h"

#include <cstring>

#include "support/fault.h"

namespace speedster::openvino {

using plugin::Failure;

namespace {

/// Memory for tensors without elements, where a caller may give NULL and the vendor wants an address.
alignas(plugin::kAlignment) std::byte g_nothing[plugin::kAlignment];

}  // namespace

Context::Context(std::shared_ptr<Session> session)
    : session_(std::move(session)),
      api_(session_->api()),
      inputs_(session_->signature()->inputs),
      outputs_(session_->signature()->outputs),
      // The vendor heeds a cancel only while it infers.
      stopper_(plugin::StopKind::kHeededWhileRunning, [this] { api_.ov_infer_request_cancel(request_.get()); }),
      watch_(stopper_) {
  ov_infer_request_t* request = nullptr;
  api_.check(api_.ov_compiled_model_create_infer_request(session_->get(), &request), "an infer request");
  request_ = own(request, api_.ov_infer_request_free);
}

Context::~Context() {
  if (asynchronous_.joinable()) asynchronous_.join();
}

const sp_tensor_info& Context::input_info(std::uint32_t index) const {
  const sp_signature& signature = *session_->signature();
  if (index < signature.inputs) return *signature.input[index];
  throw Failure(SP_INVALID, "[openvino] expected an input below " + std::to_string(signature.inputs) + ", got " +
                                std::to_string(index));
}

const sp_tensor_info& Context::output_info(std::uint32_t index) const {
  const sp_signature& signature = *session_->signature();
  if (index < signature.outputs) return *signature.output[index];
  throw Failure(SP_INVALID, "[openvino] expected an output below " + std::to_string(signature.outputs) + ", got " +
                                std::to_string(index));
}

Context::Tensor Context::wrap(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const {
  ov_tensor_t* tensor = nullptr;
  api_.check(api_.ov_tensor_create_from_host_ptr(to_element(info.dtype), as_shape(shape),
                                                 data == nullptr ? g_nothing : data, &tensor),
             std::string("a tensor for '") + info.name + "'");
  return {tensor, api_.ov_tensor_free};
}

Context::Tensor Context::allocate(const sp_tensor_info& info, const plugin::Shape& shape) const {
  ov_tensor_t* tensor = nullptr;
  api_.check(api_.ov_tensor_create(to_element(info.dtype), as_shape(shape), &tensor),
             std::string("memory for '") + info.name + "'");
  return {tensor, api_.ov_tensor_free};
}

void Context::bind(std::uint32_t index) {
  Input& input = inputs_[index];
  const sp_tensor_info& info = input_info(index);
  Tensor tensor = wrap(info, input.data, input.shape);
  api_.check(api_.ov_infer_request_set_tensor_by_const_port(request_.get(), session_->input(index), tensor.get()),
             std::string("a bound input '") + info.name + "'");
  input.tensor = std::move(tensor);
}

void Context::bind_input(std::uint32_t index, const DLTensor* tensor) {
  const sp_tensor_info& info = input_info(index);
  if (tensor == nullptr)
    throw Failure(SP_INVALID,
                  std::string("[openvino] expected a tensor for the required input '") + info.name + "', got none");
  plugin::check_binding(kWho, info, *tensor, true);
  Input& input = inputs_[index];
  const auto shape = plugin::shape_of(*tensor);
  if (!input.tensor || !std::equal(shape.begin(), shape.end(), input.shape.begin(), input.shape.end()))
    planned_ = false;
  input.data = plugin::data_of(*tensor);
  input.shape.assign(shape.begin(), shape.end());
  bind(index);
}

void Context::reshape_input(std::uint32_t index, std::int32_t rank, const std::int64_t* shape) {
  const sp_tensor_info& info = input_info(index);
  Input& input = inputs_[index];
  if (!input.tensor)
    throw Failure(SP_INVALID,
                  std::string("[openvino] expected a bound input '") + info.name + "' to reshape, got none");
  if (rank < 0 || (rank > 0 && shape == nullptr)) throw Failure(SP_INVALID, "[openvino] expected a shape, got none");
  const std::span<const std::int64_t> wanted(shape, static_cast<std::size_t>(rank));
  plugin::check_shape(kWho, info, wanted);
  input.shape.assign(wanted.begin(), wanted.end());
  planned_ = false;
  bind(index);
}

void Context::bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity) {
  const sp_tensor_info& info = output_info(index);
  if (tensor != nullptr) {
    plugin::check_binding(kWho, info, *tensor, false);
    if (capacity > 0) plugin::require(tensor->data, kWho, "memory for an output");
  }
  Output& output = outputs_[index];
  output.bound = tensor != nullptr;
  output.data = tensor == nullptr ? nullptr : plugin::data_of(*tensor);
  output.capacity = tensor == nullptr ? 0 : capacity;
  planned_ = false;
}

void Context::plan() {
  key_.clear();
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i].tensor)
      throw Failure(SP_INVALID,
                    std::string("[openvino] expected the input '") + input_info(i).name + "', got none bound");
    key_.push_back(static_cast<std::int64_t>(inputs_[i].shape.size()));
    key_.insert(key_.end(), inputs_[i].shape.begin(), inputs_[i].shape.end());
  }
  std::vector<plugin::Shape> shapes;
  for (const Input& input : inputs_) shapes.push_back(input.shape);
  session_->note_shapes(std::move(shapes));
  const plugin::Shapes foretold = session_->shapes().foretell(key_);
  any_unforetold_ = false;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) plan_output(i, foretold[i]);
  planned_ = true;
}

void Context::plan_output(std::uint32_t index, const std::optional<plugin::Shape>& shape) {
  Output& output = outputs_[index];
  const sp_tensor_info& info = output_info(index);
  output.ready = false;
  if (shape) {
    output.shape = *shape;
    output.strides = plugin::contiguous_strides(output.shape);
    if (output.bound && *plugin::byte_count(info.dtype, output.shape) <= output.capacity) {
      output.mode = Mode::kDirect;
      output.tensor = wrap(info, output.data, output.shape);
      output.result = output.data;
    } else {
      output.mode = Mode::kKept;
      output.tensor = allocate(info, output.shape);
      api_.check(api_.ov_tensor_data(output.tensor.get(), &output.result), "the memory of an output");
    }
  } else {
    any_unforetold_ = true;
    output.mode = Mode::kRequest;
    if (!output.replaced) return;  // the request still has its own
    plugin::Shape least(info.shape, info.shape + std::max(info.rank, 0));
    for (std::int64_t& extent : least) extent = std::max<std::int64_t>(extent, 0);
    output.tensor = allocate(info, least);
  }
  output.replaced = shape.has_value();
  api_.check(
      api_.ov_infer_request_set_tensor_by_const_port(request_.get(), session_->output(index), output.tensor.get()),
      std::string("a bound output '") + info.name + "'");
}

void Context::run_once(const sp_token* token) {
  if (plugin::token_cancelled(token)) throw Failure(SP_CANCELLED, "[openvino] cancelled before the execution began");
  if (!planned_) plan();
  stopper_.begin();
  if (token != nullptr) watch_.begin(token);
  const ov_status_e status = api_.ov_infer_request_infer(request_.get());
  const bool stopped = stopper_.end();
  if (token != nullptr) watch_.end();
  if (status != ov_status_e::OK && stopped) throw Failure(SP_CANCELLED, "[openvino] cancelled", status);
  api_.check(status, "an execution that succeeds");
  if (any_unforetold_) collect();
  for (Output& output : outputs_) output.ready = true;
}

void Context::collect() {
  plugin::Shapes shapes;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].mode == Mode::kRequest) fetch(i);
    shapes.emplace_back(outputs_[i].shape);
  }
  session_->shapes().remember(key_, std::move(shapes));
  // The next execution can go straight into the caller's memory where the shape is now foretold.
  const plugin::Shapes foretold = session_->shapes().foretell(key_);
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].mode == Mode::kRequest && foretold[i]) planned_ = false;
}

void Context::fetch(std::uint32_t index) {
  Output& output = outputs_[index];
  ov_tensor_t* raw = nullptr;
  api_.check(api_.ov_infer_request_get_tensor_by_const_port(request_.get(), session_->output(index), &raw), "a result");
  output.tensor = {raw, api_.ov_tensor_free};
  ov_shape_t shape = {};
  api_.check(api_.ov_tensor_get_shape(raw, &shape), "a result's shape");
  output.shape.assign(shape.dims, shape.dims + shape.rank);
  api_.ov_shape_free(&shape);
  output.strides = plugin::contiguous_strides(output.shape);
  const std::uint64_t bytes = *plugin::byte_count(output_info(index).dtype, output.shape);
  output.result = g_nothing;
  if (bytes > 0) api_.check(api_.ov_tensor_data(raw, &output.result), "a result");
  if (output.bound && bytes <= output.capacity) {
    if (bytes > 0) std::memcpy(output.data, output.result, bytes);
    output.result = output.data;
  }
}

void Context::execute(const sp_run* run) {
  plugin::test_fault(kWho, "execute");
  const plugin::RunRequest request = plugin::RunRequest::from(run, kWho);
  if (request.done == nullptr) return run_once(request.token);
  if (asynchronous_.joinable()) asynchronous_.join();
  asynchronous_ = std::thread(
      [this, request] { request.done(request.user, plugin::guard(kWho, [&] { run_once(request.token); })); });
}

void Context::output(std::uint32_t index, DLTensor* view, int* in_bound_memory) const {
  plugin::require(view, kWho, "a tensor to fill");
  const sp_tensor_info& info = output_info(index);
  const Output& output = outputs_[index];
  if (!output.ready)
    throw Failure(SP_INVALID,
                  std::string("[openvino] expected a finished execution before output '") + info.name + "' is read");
  *view = {output.result,
           {kDLCPU, 0},
           static_cast<std::int32_t>(output.shape.size()),
           info.dtype,
           const_cast<std::int64_t*>(output.shape.data()),
           const_cast<std::int64_t*>(output.strides.data()),
           0};
  if (in_bound_memory != nullptr) *in_bound_memory = output.bound && output.result == output.data ? 1 : 0;
}

DLManagedTensorVersioned* Context::take_output(std::uint32_t index) {
  const sp_tensor_info& info = output_info(index);
  Output& output = outputs_[index];
  const bool callers = output.bound && output.result == output.data;
  if (!output.ready || callers)
    throw Failure(SP_INVALID, std::string("[openvino] expected an output that the backend owns, got '") + info.name +
                                  "'; try without binding it, after an execution");
  output.ready = false;
  if (output.mode == Mode::kRequest) {
    // The request writes its own tensor again the next time.
    const std::uint64_t bytes = *plugin::byte_count(info.dtype, output.shape);
    std::shared_ptr<void> copy = plugin::allocate(bytes);
    if (bytes > 0) std::memcpy(copy.get(), output.result, bytes);
    void* data = copy.get();
    return plugin::make_managed(std::move(copy), data, info.dtype, output.shape);
  }
  planned_ = false;  // the next execution gets a tensor of its own
  return plugin::make_managed(std::move(output.tensor), output.result, info.dtype, output.shape);
}

std::string Context::profile() const {
  constexpr int kRuns = 5;
  Context copy(session_->measured_copy());
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i].tensor)
      throw Failure(SP_INVALID, std::string("[openvino] expected the input '") + input_info(i).name +
                                    "' to be bound before a profile");
    copy.inputs_[i].data = inputs_[i].data;
    copy.inputs_[i].shape = inputs_[i].shape;
    copy.bind(i);
  }
  std::vector<MeasuredNode> total;
  for (int run = 0; run < kRuns; ++run) {
    copy.execute(nullptr);
    const std::vector<MeasuredNode> nodes = copy.measured_nodes();
    if (total.empty())
      total = nodes;
    else
      for (std::size_t i = 0; i < std::min(total.size(), nodes.size()); ++i)
        total[i].microseconds += nodes[i].microseconds;
  }
  plugin::JsonWriter json;
  json.object().field("executions", kRuns).array("nodes");
  for (const MeasuredNode& node : total) {
    json.object().field("name", std::string_view(node.name)).field("op", std::string_view(node.type));
    json.field("seconds", static_cast<double>(node.microseconds) / 1e6 / kRuns).end();
  }
  json.end().end();
  return json.text();
}

}  // namespace speedster::openvino
