#include "onnxruntime/context.h"

#include <utility>

#include "support/json.h"

namespace speedster::onnxruntime {

Context::Context(std::shared_ptr<Session> session)
    : HostContext(kWho, *session->signature(), session->shapes(), plugin::StopKind::kSticky),
      session_(std::move(session)),
      api_(session_->api()),
      outputs_(output_count()) {
  for (std::uint32_t i = 0; i < input_count(); ++i) inputs_.push_back(nothing<OrtValue>());
  OrtIoBinding* binding = nullptr;
  api_.check(api_->CreateIoBinding(session_->get(), &binding), "a binding");
  binding_ = own(binding, api_->ReleaseIoBinding);
  OrtRunOptions* run_options = nullptr;
  api_.check(api_->CreateRunOptions(&run_options), "run options");
  run_options_ = own(run_options, api_->ReleaseRunOptions);
  // In the order of the signature, which is then the order in which results come back.
  for (std::uint32_t i = 0; i < output_count(); ++i) write_anywhere(i);
}

Owned<OrtValue> Context::view(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const {
  OrtValue* value = nullptr;
  api_.check(api_->CreateTensorWithDataAsOrtValue(session_->memory(), data, *plugin::byte_count(info.dtype, shape),
                                                  shape.data(), shape.size(), to_element(info.dtype), &value),
             "a tensor for", info.name);
  return own(value, api_->ReleaseValue);
}

void Context::read_from(std::uint32_t input, void* data, const plugin::Shape& shape) {
  const sp_tensor_info& info = input_info(input);
  Owned<OrtValue> value = view(info, data, shape);
  api_.check(api_->BindInput(binding_.get(), info.name, value.get()), "a bound input", info.name);
  inputs_[input] = std::move(value);
}

void Context::bind_value(std::uint32_t output, std::shared_ptr<OrtValue> value) {
  const char* name = output_info(output).name;
  api_.check(api_->BindOutput(binding_.get(), name, value.get()), "a bound output", name);
  outputs_[output] = std::move(value);
}

void Context::write_to(std::uint32_t output, void* data, const plugin::Shape& shape) {
  bind_value(output, view(output_info(output), data, shape));
}

void* Context::write_to_own(std::uint32_t output, const plugin::Shape& shape) {
  const sp_tensor_info& info = output_info(output);
  OrtValue* value = nullptr;
  api_.check(
      api_->CreateTensorAsOrtValue(session_->allocator(), shape.data(), shape.size(), to_element(info.dtype), &value),
      "memory for the output", info.name);
  bind_value(output, std::shared_ptr<OrtValue>(value, api_->ReleaseValue));
  void* data = nullptr;
  api_.check(api_->GetTensorMutableData(value, &data), "the memory of the output", info.name);
  return data;
}

void Context::write_anywhere(std::uint32_t output) {
  // Also takes the last result out of the binding, which would hold the next one to its shape.
  const char* name = output_info(output).name;
  api_.check(api_->BindOutputToDevice(binding_.get(), name, session_->memory()), "a bound output", name);
  outputs_[output].reset();
}

void Context::run() {
  session_->first_alone([this] {
    api_.check(api_->RunWithBinding(session_->get(), run_options_.get(), binding_.get()), "an execution that succeeds");
  });
}

void Context::stop() {
  if (OrtStatus* status = api_->RunOptionsSetTerminate(run_options_.get())) api_->ReleaseStatus(status);
}

void Context::forget_stop() {
  api_.check(api_->RunOptionsUnsetTerminate(run_options_.get()), "a flag that can be taken back");
}

void Context::collect_results() {
  OrtValue** values = nullptr;
  std::size_t count = 0;
  OrtAllocator* allocator = session_->allocator();
  api_.check(api_->GetBoundOutputValues(binding_.get(), allocator, &values, &count), "the results");
  for (std::size_t i = 0; i < count; ++i) {
    std::shared_ptr<OrtValue> value(values[i], api_->ReleaseValue);
    if (!outputs_[i]) outputs_[i] = std::move(value);
  }
  if (values != nullptr)
    api_.check(api_->AllocatorFree(allocator, static_cast<void*>(values)), "memory that can be freed");
}

Context::Result Context::result(std::uint32_t output) {
  OrtValue* value = outputs_[output].get();
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  api_.check(api_->GetTensorTypeAndShape(value, &raw), "a result's shape");
  const auto info = own(raw, api_->ReleaseTensorTypeAndShapeInfo);
  Result result;
  std::size_t rank = 0;
  api_.check(api_->GetDimensionsCount(raw, &rank), "a result's rank");
  result.shape.resize(rank);
  api_.check(api_->GetDimensions(raw, result.shape.data(), rank), "a result's shape");
  api_.check(api_->GetTensorMutableData(value, &result.data), "a result");
  return result;
}

std::shared_ptr<void> Context::give_away(std::uint32_t output) {
  struct Owner {
    std::shared_ptr<Session> session;  // the memory came from its arena
    std::shared_ptr<OrtValue> value;
  };
  return std::make_shared<Owner>(Owner{session_, std::move(outputs_[output])});
}

std::string Context::profile() const {
  constexpr int kRuns = 5;
  ProfileFile file(session_->scratch());
  const Owned<OrtSession> session = session_->profiled_copy(file);
  file.adopt();
  std::vector<const char*> input_names, output_names;
  std::vector<const OrtValue*> input_values;
  for (std::uint32_t i = 0; i < input_count(); ++i) {
    bound_input(i);
    input_names.push_back(input_info(i).name);
    input_values.push_back(inputs_[i].get());
  }
  for (std::uint32_t i = 0; i < output_count(); ++i) output_names.push_back(output_info(i).name);
  for (int run = 0; run < kRuns; ++run) {
    std::vector<OrtValue*> results(output_count(), nullptr);
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
