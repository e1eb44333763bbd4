#include "onnxruntime/context.h"

#include <cstring>

#include "support/fault.h"

namespace speedster::onnxruntime {

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
      stopper_(plugin::StopKind::kSticky,
               [this] {
                 if (OrtStatus* status = api_->RunOptionsSetTerminate(run_options_.get())) api_->ReleaseStatus(status);
               }),
      watch_(stopper_) {
  OrtIoBinding* binding = nullptr;
  api_.check(api_->CreateIoBinding(session_->get(), &binding), "a binding");
  binding_ = own(binding, api_->ReleaseIoBinding);
  OrtRunOptions* run_options = nullptr;
  api_.check(api_->CreateRunOptions(&run_options), "run options");
  run_options_ = own(run_options, api_->ReleaseRunOptions);
  // In the order of the signature, which is the order in which results come back.
  for (std::uint32_t i = 0; i < outputs_.size(); ++i)
    api_.check(api_->BindOutputToDevice(binding, output_info(i).name, session_->memory()), "a bound output");
}

Context::~Context() {
  if (asynchronous_.joinable()) asynchronous_.join();
}

const sp_tensor_info& Context::input_info(std::uint32_t index) const {
  const sp_signature& signature = *session_->signature();
  if (index < signature.inputs) return *signature.input[index];
  throw Failure(SP_INVALID, "[onnxruntime] expected an input below " + std::to_string(signature.inputs) + ", got " +
                                std::to_string(index));
}

const sp_tensor_info& Context::output_info(std::uint32_t index) const {
  const sp_signature& signature = *session_->signature();
  if (index < signature.outputs) return *signature.output[index];
  throw Failure(SP_INVALID, "[onnxruntime] expected an output below " + std::to_string(signature.outputs) + ", got " +
                                std::to_string(index));
}

Owned<OrtValue> Context::make_value(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const {
  OrtValue* value = nullptr;
  const auto bytes = plugin::byte_count(info.dtype, shape);
  api_.check(api_->CreateTensorWithDataAsOrtValue(session_->memory(), data == nullptr ? g_nothing : data, *bytes,
                                                  shape.data(), shape.size(), to_element(info.dtype), &value),
             std::string("a tensor for '") + info.name + "'");
  return own(value, api_->ReleaseValue);
}

void Context::bind(std::uint32_t index) {
  Input& input = inputs_[index];
  const sp_tensor_info& info = input_info(index);
  Owned<OrtValue> value = make_value(info, input.data, input.shape);
  api_.check(api_->BindInput(binding_.get(), info.name, value.get()), std::string("a bound input '") + info.name + "'");
  input.value = std::move(value);
}

void Context::bind_input(std::uint32_t index, const DLTensor* tensor) {
  const sp_tensor_info& info = input_info(index);
  if (tensor == nullptr)
    throw Failure(SP_INVALID,
                  std::string("[onnxruntime] expected a tensor for the required input '") + info.name + "', got none");
  plugin::check_binding(kWho, info, *tensor, true);
  Input& input = inputs_[index];
  const auto shape = plugin::shape_of(*tensor);
  if (!input.value || !std::equal(shape.begin(), shape.end(), input.shape.begin(), input.shape.end())) planned_ = false;
  input.data = plugin::data_of(*tensor);
  input.shape.assign(shape.begin(), shape.end());
  bind(index);
}

void Context::reshape_input(std::uint32_t index, std::int32_t rank, const std::int64_t* shape) {
  const sp_tensor_info& info = input_info(index);
  Input& input = inputs_[index];
  if (!input.value)
    throw Failure(SP_INVALID,
                  std::string("[onnxruntime] expected a bound input '") + info.name + "' to reshape, got none");
  if (rank < 0 || (rank > 0 && shape == nullptr)) throw Failure(SP_INVALID, "[onnxruntime] expected a shape, got none");
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
    if (!inputs_[i].value)
      throw Failure(SP_INVALID,
                    std::string("[onnxruntime] expected the input '") + input_info(i).name + "', got none bound");
    key_.push_back(static_cast<std::int64_t>(inputs_[i].shape.size()));
    key_.insert(key_.end(), inputs_[i].shape.begin(), inputs_[i].shape.end());
  }
  const plugin::Shapes known = session_->shapes().foretell(key_);
  any_fresh_ = false;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    const sp_tensor_info& info = output_info(i);
    output.value.reset();
    output.ready = false;
    if (!known[i]) {
      output.mode = Mode::kFresh;
      any_fresh_ = true;
      continue;
    }
    output.shape = *known[i];
    output.strides = plugin::contiguous_strides(output.shape);
    if (output.bound && *plugin::byte_count(info.dtype, output.shape) <= output.capacity) {
      output.mode = Mode::kDirect;
      output.value = make_value(info, output.data, output.shape);
      output.result = output.data;
    } else {
      output.mode = Mode::kKept;
      OrtValue* value = nullptr;
      api_.check(api_->CreateTensorAsOrtValue(session_->allocator(), output.shape.data(), output.shape.size(),
                                              to_element(info.dtype), &value),
                 std::string("memory for the output '") + info.name + "'");
      output.value = std::shared_ptr<OrtValue>(value, api_->ReleaseValue);
      api_.check(api_->GetTensorMutableData(value, &output.result), "the memory of an output");
    }
    api_.check(api_->BindOutput(binding_.get(), info.name, output.value.get()),
               std::string("a bound output '") + info.name + "'");
  }
  planned_ = true;
}

void Context::run_once(const sp_token* token) {
  if (plugin::token_cancelled(token)) throw Failure(SP_CANCELLED, "[onnxruntime] cancelled before the execution began");
  if (!planned_) plan();
  if (any_fresh_) {
    // The binding remembers the last result and would hold the next one to its shape.
    for (std::uint32_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i].mode == Mode::kFresh)
        api_.check(api_->BindOutputToDevice(binding_.get(), output_info(i).name, session_->memory()), "a bound output");
  }
  OrtStatus* status = nullptr;
  bool stopped = false;
  session_->first_alone([&] {
    stopper_.begin();
    if (token != nullptr) watch_.begin(token);
    status = api_->RunWithBinding(session_->get(), run_options_.get(), binding_.get());
    stopped = stopper_.end();
    if (token != nullptr) watch_.end();
    // The vendor's flag is sticky: it would end the next execution too.
    if (stopped) api_.check(api_->RunOptionsUnsetTerminate(run_options_.get()), "a flag that can be taken back");
    if (status != nullptr && stopped) {
      api_->ReleaseStatus(status);
      throw Failure(SP_CANCELLED, "[onnxruntime] cancelled");
    }
    api_.check(status, "an execution that succeeds");
  });
  if (any_fresh_) collect();
  for (Output& output : outputs_) output.ready = true;
}

void Context::collect() {
  OrtValue** values = nullptr;
  std::size_t count = 0;
  OrtAllocator* allocator = session_->allocator();
  api_.check(api_->GetBoundOutputValues(binding_.get(), allocator, &values, &count), "the results");
  for (std::size_t i = 0; i < count; ++i) finish(outputs_[i], static_cast<std::uint32_t>(i), values[i]);
  if (values != nullptr)
    api_.check(api_->AllocatorFree(allocator, static_cast<void*>(values)), "memory that can be freed");
  plugin::Shapes shapes;
  for (const Output& output : outputs_) shapes.emplace_back(output.shape);
  session_->shapes().remember(key_, std::move(shapes));
  // The next execution can go straight into the caller's memory where the shape is now foretold.
  const plugin::Shapes known = session_->shapes().foretell(key_);
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].mode == Mode::kFresh && known[i]) planned_ = false;
}

void Context::finish(Output& output, std::uint32_t index, OrtValue* raw) {
  std::shared_ptr<OrtValue> value(raw, api_->ReleaseValue);
  if (output.mode != Mode::kFresh) return;
  OrtTensorTypeAndShapeInfo* info_raw = nullptr;
  api_.check(api_->GetTensorTypeAndShape(raw, &info_raw), "a result's shape");
  const auto info = own(info_raw, api_->ReleaseTensorTypeAndShapeInfo);
  std::size_t rank = 0;
  api_.check(api_->GetDimensionsCount(info_raw, &rank), "a result's rank");
  output.shape.resize(rank);
  api_.check(api_->GetDimensions(info_raw, output.shape.data(), rank), "a result's shape");
  output.strides = plugin::contiguous_strides(output.shape);
  api_.check(api_->GetTensorMutableData(raw, &output.result), "a result");
  const std::uint64_t bytes = *plugin::byte_count(output_info(index).dtype, output.shape);
  output.value = std::move(value);
  if (output.bound && bytes <= output.capacity) {
    if (bytes > 0) std::memcpy(output.data, output.result, bytes);
    output.result = output.data;
    output.value.reset();
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
                  std::string("[onnxruntime] expected a finished execution before output '") + info.name + "' is read");
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
  if (!output.ready || !output.value || output.mode == Mode::kDirect)
    throw Failure(SP_INVALID, std::string("[onnxruntime] expected an output that the backend owns, got '") + info.name +
                                  "'; try without binding it, after an execution");
  struct Owner {
    std::shared_ptr<Session> session;  // the library's allocator outlives every value
    std::shared_ptr<OrtValue> value;
  };
  auto owner = std::make_shared<Owner>(Owner{session_, std::move(output.value)});
  // The next execution must not write into what was given away.
  planned_ = false;
  output.ready = false;
  return plugin::make_managed(std::move(owner), output.result, info.dtype, output.shape);
}

std::string Context::profile() const {
  constexpr int kRuns = 5;
  ProfileFile file(session_->scratch());
  const Owned<OrtSession> session = session_->profiled_copy(file);
  file.adopt();
  std::vector<const char*> input_names, output_names;
  std::vector<const OrtValue*> input_values;
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i].value)
      throw Failure(SP_INVALID, std::string("[onnxruntime] expected the input '") + input_info(i).name +
                                    "' to be bound before a profile");
    input_names.push_back(input_info(i).name);
    input_values.push_back(inputs_[i].value.get());
  }
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) output_names.push_back(output_info(i).name);
  for (int run = 0; run < kRuns; ++run) {
    std::vector<OrtValue*> results(outputs_.size(), nullptr);
    OrtStatus* status = api_->Run(session.get(), nullptr, input_names.data(), input_values.data(), input_names.size(),
                                  output_names.data(), output_names.size(), results.data());
    for (OrtValue* result : results) api_->ReleaseValue(result);
    api_.check(status, "an execution that succeeds");
  }
  char* name = nullptr;
  api_.check(api_->SessionEndProfiling(session.get(), session_->allocator(), &name), "a profile that ends");
  api_.check(api_->AllocatorFree(session_->allocator(), name), "memory that can be freed");
  plugin::JsonWriter json;
  json.object().field("executions", kRuns).array("nodes");
  for (const ProfiledNode& node : file.read()) {
    json.object().field("name", std::string_view(node.name)).field("op", std::string_view(node.op));
    json.field("seconds", static_cast<double>(node.microseconds) / 1e6 / kRuns).end();
  }
  json.end().end();
  return json.text();
}

}  // namespace speedster::onnxruntime
