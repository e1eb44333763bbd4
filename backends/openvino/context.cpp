#include "openvino/context.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "support/json.h"

namespace speedster::openvino {

namespace {

using Clock = std::chrono::steady_clock;

/// Below this, an execution is over before a cancel would be noticed.
constexpr auto kBrief = std::chrono::milliseconds(10);

}  // namespace

Context::Context(std::shared_ptr<Session> session)
    : HostContext(kWho, *session->signature(), session->shapes(), plugin::StopKind::kHeededWhileRunning),
      session_(std::move(session)),
      api_(session_->api()),
      inputs_(input_count()),
      outputs_(output_count()),
      replaced_(output_count(), false) {
  ov_infer_request_t* request = nullptr;
  api_.check(api_.ov_compiled_model_create_infer_request(session_->get(), &request), "an infer request");
  request_ = own(request, api_.ov_infer_request_free);
}

Context::Tensor Context::view(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const {
  ov_tensor_t* tensor = nullptr;
  api_.check(api_.ov_tensor_create_from_host_ptr(to_element(info.dtype), as_shape(shape), data, &tensor),
             "a tensor for", info.name);
  return {tensor, api_.ov_tensor_free};
}

Context::Tensor Context::allocate(const sp_tensor_info& info, const plugin::Shape& shape) const {
  ov_tensor_t* tensor = nullptr;
  api_.check(api_.ov_tensor_create(to_element(info.dtype), as_shape(shape), &tensor), "memory for", info.name);
  return {tensor, api_.ov_tensor_free};
}

void Context::read_from(std::uint32_t input, void* data, const plugin::Shape& shape) {
  const sp_tensor_info& info = input_info(input);
  Tensor tensor = view(info, data, shape);
  api_.check(api_.ov_infer_request_set_tensor_by_const_port(request_.get(), session_->input(input), tensor.get()),
             "a bound input", info.name);
  inputs_[input] = std::move(tensor);
}

void Context::use_for_output(std::uint32_t output, Tensor tensor) {
  api_.check(api_.ov_infer_request_set_tensor_by_const_port(request_.get(), session_->output(output), tensor.get()),
             "a bound output", output_info(output).name);
  outputs_[output] = std::move(tensor);
  replaced_[output] = true;
}

void Context::write_to(std::uint32_t output, void* data, const plugin::Shape& shape) {
  use_for_output(output, view(output_info(output), data, shape));
}

void* Context::write_to_own(std::uint32_t output, const plugin::Shape& shape) {
  use_for_output(output, allocate(output_info(output), shape));
  void* data = nullptr;
  api_.check(api_.ov_tensor_data(outputs_[output].get(), &data), "the memory of the output", output_info(output).name);
  return data;
}

void Context::write_anywhere(std::uint32_t output) {
  if (!replaced_[output]) return;  // its own tensor grows as it needs to
  const sp_tensor_info& info = output_info(output);
  plugin::Shape least(info.shape, info.shape + std::max(info.rank, 0));
  for (std::int64_t& extent : least) extent = std::max<std::int64_t>(extent, 0);
  use_for_output(output, allocate(info, least));
  outputs_[output].reset();
  replaced_[output] = false;
}

void Context::planned(const std::vector<plugin::Shape>& shapes) {
  session_->note_shapes(shapes);
  brief_ = false;
}

// A synchronous inference cannot be cancelled, an asynchronous one costs some 20 µs for the hand-over. What has been
// seen to be over in 10 ms runs synchronously: there, a cancel only discards the result.
void Context::run() {
  asynchronous_ = !brief_ || !session_->tells_failures();
  if (!asynchronous_) return api_.check(api_.ov_infer_request_infer(request_.get()), "an execution that succeeds");
  const auto start = Clock::now();
  api_.check(api_.ov_infer_request_start_async(request_.get()), "an execution that starts");
  api_.check(api_.ov_infer_request_wait(request_.get()), "an execution that succeeds");
  brief_ = Clock::now() - start < kBrief;
}

void Context::confirm_shape(std::uint32_t output, const plugin::Shape& foretold) {
  const sp_tensor_info& info = output_info(output);
  if (info.rank >= 0 && std::none_of(info.shape, info.shape + info.rank, [](std::int64_t d) { return d < 0; })) return;
  ov_tensor_t* raw = nullptr;
  api_.check(api_.ov_infer_request_get_tensor_by_const_port(request_.get(), session_->output(output), &raw),
             "a result");
  bool same = false;
  ov_shape_t shape = {};
  if (api_.ov_tensor_get_shape(raw, &shape) == ov_status_e::OK) {
    same = std::equal(shape.dims, shape.dims + shape.rank, foretold.begin(), foretold.end());
    api_.ov_shape_free(&shape);
  } else {
    same = foretold.empty();  // it refuses rank 0
  }
  api_.ov_tensor_free(raw);
  if (!same)
    throw plugin::Failure(SP_INTERNAL, std::string("[openvino] expected output '") + info.name +
                                           "' in the shape that its inputs foretell, got another; try a model whose "
                                           "shapes do not depend on values");
}

void Context::stop() {
  if (asynchronous_) api_.ov_infer_request_cancel(request_.get());
}

Context::Result Context::result(std::uint32_t output) {
  ov_tensor_t* raw = nullptr;
  api_.check(api_.ov_infer_request_get_tensor_by_const_port(request_.get(), session_->output(output), &raw),
             "a result");
  const Tensor tensor(raw, api_.ov_tensor_free);  // the request keeps the memory
  Result result;
  ov_shape_t shape = {};
  const ov_status_e status = api_.ov_tensor_get_shape(raw, &shape);
  // The interface cannot say the shape of a scalar: it refuses rank 0.
  std::size_t elements = 0;
  const bool scalar = status == ov_status_e::INVALID_C_PARAM && output_info(output).rank <= 0 &&
                      api_.ov_tensor_get_size(raw, &elements) == ov_status_e::OK && elements == 1;
  if (!scalar) {
    api_.check(status, "a result's shape");
    result.shape.assign(shape.dims, shape.dims + shape.rank);
    api_.ov_shape_free(&shape);
  }
  std::size_t bytes = 0;
  api_.check(api_.ov_tensor_get_byte_size(raw, &bytes), "a result's size");
  if (bytes > 0) api_.check(api_.ov_tensor_data(raw, &result.data), "a result");
  return result;
}

std::shared_ptr<void> Context::give_away(std::uint32_t output) {
  // Null where the request has a tensor of its own: it writes there again.
  return std::move(outputs_[output]);
}

std::string Context::profile() const {
  constexpr int kRuns = 5;
  Context copy(session_->measured());
  for (std::uint32_t i = 0; i < input_count(); ++i) {
    Input input = bound_input(i);
    const DLTensor tensor = {input.data,
                             {kDLCPU, 0},
                             static_cast<std::int32_t>(input.shape.size()),
                             input_info(i).dtype,
                             input.shape.data(),
                             nullptr,
                             0};
    copy.bind_input(i, &tensor);
  }
  std::vector<MeasuredNode> total;
  for (int run = 0; run < kRuns; ++run) {
    copy.execute(nullptr);
    std::vector<MeasuredNode> nodes = copy.measured_nodes();
    if (total.empty()) total.resize(nodes.size());
    for (std::size_t i = 0; i < std::min(total.size(), nodes.size()); ++i) {
      nodes[i].microseconds += total[i].microseconds;
      total[i] = std::move(nodes[i]);
    }
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
