/// The table of the onnxruntime plug-in.
#include <speedster/backend.h>

#include <memory>

#include "onnxruntime/compile.h"
#include "onnxruntime/context.h"
#include "onnxruntime/options.h"
#include "onnxruntime/session.h"
#include "support/fault.h"

namespace ort = speedster::onnxruntime;
namespace plugin = speedster::plugin;
using plugin::guard;
using plugin::require;

struct sp_instance {
  std::shared_ptr<ort::Runtime> runtime;
};
struct sp_model {
  std::shared_ptr<ort::Session> session;
};
struct sp_context {
  ort::Context context;
};

namespace {

constexpr const char* kWho = ort::kWho;

sp_error* describe(const sp_sink* sink) {
  return guard(kWho, [&] { plugin::write(sink, ort::describe(), kWho); });
}

sp_error* open(const sp_host* host, const sp_options* options, sp_instance** out) {
  return guard(kWho, [&] {
    require(out, kWho, "a place for the instance");
    plugin::test_fault(kWho, "open");
    const plugin::OptionValues values = ort::option_table().parse(options, plugin::kOpen);
    *out = new sp_instance{std::make_shared<ort::Runtime>(values.text("library"), host)};
  });
}

void close(sp_instance* instance) { delete instance; }

sp_error* probe(sp_instance* instance, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    plugin::test_fault(kWho, "probe");
    plugin::JsonWriter json;
    json.object().field("usable", true).field("reason", std::string_view()).field("remedy", std::string_view());
    json.field("version", std::string_view(instance->runtime->api().version()));
    json.array("devices")
        .item(std::string_view("cpu"))
        .end()
        .array("precisions")
        .item(std::string_view("fp32"))
        .end()
        .end();
    plugin::write(sink, json.text(), kWho);
  });
}

sp_error* compile(sp_instance* instance, const char* model, const char* format, const sp_options* options,
                  const char* dir, const sp_token* token, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    require(model, kWho, "a model");
    require(dir, kWho, "a folder");
    plugin::test_fault(kWho, "compile");
    const plugin::OptionValues values = ort::option_table().parse(options, plugin::kCompile);
    plugin::write(
        sink, ort::compile(*instance->runtime, model, format == nullptr ? "onnx" : format, values, dir, token), kWho);
  });
}

sp_error* load(sp_instance* instance, const char* artifact, const sp_options* options, const sp_token* token,
               sp_model** out) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    require(artifact, kWho, "an artifact");
    require(out, kWho, "a place for the model");
    const plugin::OptionValues values = ort::option_table().parse(options, plugin::kLoad);
    plugin::test_fault(kWho, "load");
    if (plugin::token_cancelled(token))
      throw plugin::Failure(SP_CANCELLED, "[onnxruntime] cancelled before the model was loaded");
    auto session = std::make_shared<ort::Session>(instance->runtime, artifact, values);
    // The vendor's loading cannot be interrupted; what came too late is dropped.
    if (plugin::token_cancelled(token))
      throw plugin::Failure(SP_CANCELLED, "[onnxruntime] cancelled while the model was loaded");
    *out = new sp_model{std::move(session)};
  });
}

void close_model(sp_model* model) { delete model; }

const char* entry(const sp_model*, uint32_t index) { return index == 0 ? "main" : nullptr; }

const sp_signature* signature(const sp_model* model, uint32_t index) {
  return model == nullptr || index != 0 ? nullptr : model->session->signature();
}

sp_error* stats(const sp_model* model, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(model, kWho, "a model");
    plugin::test_fault(kWho, "stats");
    ort::probe_execution(model->session);
    plugin::write(sink, model->session->stats(), kWho);
  });
}

sp_error* open_context(sp_model* model, uint32_t index, const sp_options* options, sp_context** out) {
  return guard(kWho, [&] {
    require(model, kWho, "a model");
    require(out, kWho, "a place for the context");
    ort::option_table().parse(options, plugin::kContext);
    if (index != 0) throw plugin::Failure(SP_NOT_FOUND, "[onnxruntime] expected entry 0, got " + std::to_string(index));
    *out = new sp_context{ort::Context(model->session)};
  });
}

void close_context(sp_context* context) { delete context; }

template <typename Body>
sp_error* with(sp_context* context, Body&& body) {
  if (context == nullptr) [[unlikely]]
    return plugin::make_error(SP_INVALID, "[onnxruntime] expected a context, got NULL");
  return guard(kWho, [&] { body(context->context); });
}

sp_error* bind_input(sp_context* context, uint32_t i, const DLTensor* tensor) {
  return with(context, [&](ort::Context& c) { c.bind_input(i, tensor); });
}
sp_error* reshape_input(sp_context* context, uint32_t i, int32_t rank, const int64_t* shape) {
  return with(context, [&](ort::Context& c) { c.reshape_input(i, rank, shape); });
}
sp_error* bind_output(sp_context* context, uint32_t i, const DLTensor* tensor, uint64_t capacity) {
  return with(context, [&](ort::Context& c) { c.bind_output(i, tensor, capacity); });
}
sp_error* execute(sp_context* context, const sp_run* run) {
  return with(context, [&](ort::Context& c) { c.execute(run); });
}
sp_error* output(sp_context* context, uint32_t i, DLTensor* view, int* in_bound_memory) {
  return with(context, [&](ort::Context& c) { c.output(i, view, in_bound_memory); });
}
sp_error* take_output(sp_context* context, uint32_t i, DLManagedTensorVersioned** out) {
  return with(context, [&](ort::Context& c) {
    require(out, kWho, "a place for the tensor");
    *out = c.take_output(i);
  });
}
sp_error* cancel(sp_context* context) {
  return with(context, [](ort::Context& c) { c.cancel(); });
}
sp_error* profile(sp_context* context, const sp_sink* sink) {
  return with(context, [&](ort::Context& c) { plugin::write(sink, c.profile(), kWho); });
}

constexpr sp_backend kTable = {
    .size = sizeof(sp_backend),
    .abi_major = 1,
    .abi_minor = 0,
    .name = kWho,
    .describe = describe,
    .open = open,
    .close = close,
    .probe = probe,
    .compile = compile,
    .load = load,
    .close_model = close_model,
    .entry = entry,
    .signature = signature,
    .stats = stats,
    .open_context = open_context,
    .close_context = close_context,
    .bind_input = bind_input,
    .reshape_input = reshape_input,
    .bind_output = bind_output,
    .execute = execute,
    .output = output,
    .take_output = take_output,
    .reset_state = nullptr,  // ONNX models have no state of their own
    .cancel = cancel,
    .profile = profile,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const sp_backend* speedster_backend_v1(void) { return &kTable; }
