/// The table of the openvino plug-in.
#include <speedster/backend.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "openvino/context.h"
#include "openvino/options.h"
#include "openvino/session.h"
#include "support/fault.h"

namespace ovp = speedster::openvino;
namespace plugin = speedster::plugin;
using plugin::guard;
using plugin::require;

struct sp_instance {
  std::shared_ptr<ovp::Runtime> runtime;
};
struct sp_model {
  std::shared_ptr<ovp::Session> session;
};
struct sp_context {
  ovp::Context context;
};

namespace {

constexpr const char* kWho = ovp::kWho;

sp_error* describe(const sp_sink* sink) {
  return guard(kWho, [&] { plugin::write(sink, ovp::describe(), kWho); });
}

sp_error* open(const sp_host*, const sp_options* options, sp_instance** out) {
  return guard(kWho, [&] {
    require(out, kWho, "a place for the instance");
    plugin::test_fault(kWho, "open");
    const plugin::OptionValues values = ovp::option_table().parse(options, plugin::kOpen);
    *out = new sp_instance{std::make_shared<ovp::Runtime>(values.text("library"))};
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
    json.array("devices").item(std::string_view("cpu")).end().array("precisions");
    const std::set<std::string> capabilities = instance->runtime->capabilities();
    for (const auto& [word, precision] : {std::pair{"FP32", "fp32"}, {"BF16", "bf16"}, {"FP16", "fp16"}})
      if (capabilities.contains(word)) json.item(std::string_view(precision));
    json.end().end();
    plugin::write(sink, json.text(), kWho);
  });
}

/// The artifact is portable data: compiled blobs are one machine's, and the vendor keeps them itself (option
/// cache_dir).
sp_error* compile(sp_instance* instance, const char* model, const char* format, const sp_options* options,
                  const char* dir, const sp_token* token, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    require(model, kWho, "a model");
    require(dir, kWho, "a folder");
    plugin::test_fault(kWho, "compile");
    ovp::option_table().parse(options, plugin::kCompile);
    const ovp::Artifact artifact = ovp::inspect(model, format == nullptr ? "" : format);
    const std::vector<std::string> files = ovp::copy_artifact(artifact, dir);
    if (plugin::token_cancelled(token)) throw plugin::Failure(SP_CANCELLED, "[openvino] cancelled");
    plugin::JsonWriter json;
    json.object().array("files");
    for (const std::string& file : files) json.item(std::string_view(file));
    json.end().field("payload", std::string_view(files.front())).field("kind", std::string_view("data"));
    json.field("format", std::string_view(artifact.format)).object("needs");
    json.field("system", std::string_view("linux-x86_64")).field("vendor_min", std::string_view("2026.0")).end().end();
    plugin::write(sink, json.text(), kWho);
  });
}

sp_error* load(sp_instance* instance, const char* artifact, const sp_options* options, const sp_token* token,
               sp_model** out) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    require(artifact, kWho, "an artifact");
    require(out, kWho, "a place for the model");
    const plugin::OptionValues values = ovp::option_table().parse(options, plugin::kLoad);
    plugin::test_fault(kWho, "load");
    if (plugin::token_cancelled(token))
      throw plugin::Failure(SP_CANCELLED, "[openvino] cancelled before the model was loaded");
    auto session = std::make_shared<ovp::Session>(instance->runtime, ovp::inspect(artifact), values);
    // The vendor's loading cannot be interrupted; what came too late is dropped.
    if (plugin::token_cancelled(token))
      throw plugin::Failure(SP_CANCELLED, "[openvino] cancelled while the model was loaded");
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
    plugin::write(sink, model->session->stats(), kWho);
  });
}

sp_error* open_context(sp_model* model, uint32_t index, const sp_options* options, sp_context** out) {
  return guard(kWho, [&] {
    require(model, kWho, "a model");
    require(out, kWho, "a place for the context");
    ovp::option_table().parse(options, plugin::kContext);
    if (index != 0) throw plugin::Failure(SP_NOT_FOUND, "[openvino] expected entry 0, got " + std::to_string(index));
    *out = new sp_context{ovp::Context(model->session)};
  });
}

void close_context(sp_context* context) { delete context; }

template <typename Body>
sp_error* with(sp_context* context, Body&& body) {
  if (context == nullptr) [[unlikely]]
    return plugin::make_error(SP_INVALID, "[openvino] expected a context, got NULL");
  return guard(kWho, [&] { body(context->context); });
}

sp_error* bind_input(sp_context* context, uint32_t i, const DLTensor* tensor) {
  return with(context, [&](ovp::Context& c) { c.bind_input(i, tensor); });
}
sp_error* reshape_input(sp_context* context, uint32_t i, int32_t rank, const int64_t* shape) {
  return with(context, [&](ovp::Context& c) { c.reshape_input(i, rank, shape); });
}
sp_error* bind_output(sp_context* context, uint32_t i, const DLTensor* tensor, uint64_t capacity) {
  return with(context, [&](ovp::Context& c) { c.bind_output(i, tensor, capacity); });
}
sp_error* execute(sp_context* context, const sp_run* run) {
  return with(context, [&](ovp::Context& c) { c.execute(run); });
}
sp_error* output(sp_context* context, uint32_t i, DLTensor* view, int* in_bound_memory) {
  return with(context, [&](ovp::Context& c) { c.output(i, view, in_bound_memory); });
}
sp_error* take_output(sp_context* context, uint32_t i, DLManagedTensorVersioned** out) {
  return with(context, [&](ovp::Context& c) {
    require(out, kWho, "a place for the tensor");
    *out = c.take_output(i);
  });
}
sp_error* cancel(sp_context* context) {
  return with(context, [](ovp::Context& c) { c.cancel(); });
}
sp_error* profile(sp_context* context, const sp_sink* sink) {
  return with(context, [&](ovp::Context& c) { plugin::write(sink, c.profile(), kWho); });
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
    .reset_state = nullptr,  // models with state are refused: the vendor's C interface cannot reset it
    .cancel = cancel,
    .profile = profile,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const sp_backend* speedster_backend_v1(void) { return &kTable; }
