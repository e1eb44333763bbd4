/// The reference backend behind include/speedster/backend.h: small, exact and without dependencies; the oracle of the
/// other backends, and the test double of everything that is built on them.
#include <speedster/backend.h>

#include <filesystem>

#include "reference/context.h"
#include "reference/files.h"
#include "reference/options.h"

using namespace speedster::plugin;
using namespace speedster::reference;

struct sp_instance {
  Fault fault;
};
struct sp_model {
  std::shared_ptr<const Model> model;
};
struct sp_context {
  Context context;
};

namespace {

namespace fs = std::filesystem;

Poll poll_of(const sp_token* token) {
  return [token] {
    if (token_cancelled(token)) throw Failure(SP_CANCELLED, "[reference] expected to finish, got a cancellation");
  };
}

void require_format(const char* format) {
  require(format, kWho, "a format");
  if (std::string_view(format) != "onnx")
    throw Failure(SP_UNSUPPORTED, "[reference] expected the format onnx, got '" + std::string(format) + "'");
}

sp_error* describe(const sp_sink* sink) {
  return guard(kWho, [&] { write(sink, describe_json(description(), option_table()), kWho); });
}

sp_error* open(const sp_host*, const sp_options* options, sp_instance** instance) {
  return guard(kWho, [&] {
    require(instance, kWho, "a place for the instance");
    auto opened = std::make_unique<sp_instance>(Fault(option_table().parse(options, kOpen)));
    opened->fault.strike("open", poll_of(nullptr));
    *instance = opened.release();
  });
}

void close(sp_instance* instance) { delete instance; }

sp_error* probe(sp_instance* instance, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    instance->fault.strike("probe", poll_of(nullptr));
    JsonWriter json;
    json.object()
        .field("usable", true)
        .field("reason", "")
        .field("remedy", "")
        .field("version", "1")
        .array("devices")
        .item("cpu")
        .end();
    json.array("precisions");
    for (const auto& precision : description().precisions) json.item(std::string_view(precision));
    json.end().end();
    write(sink, json.text(), kWho);
  });
}

/// The artifact is the model itself, with its external data beside it.
sp_error* compile(sp_instance* instance, const char* model, const char* format, const sp_options* options,
                  const char* directory, const sp_token* token, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    require(model, kWho, "a model");
    require(directory, kWho, "a folder");
    require_format(format);
    const auto values = option_table().parse(options, kCompile);
    const Poll poll = poll_of(token);
    poll();
    instance->fault.strike("compile", poll);
    Fault(values).strike("compile", poll);
    take_time(values.integer("compile_delay_ms"), poll);
    const fs::path source(model), target(directory);
    const OnnxFile file = read_onnx(source, false);
    require_kernels(file);
    std::error_code failed;
    fs::create_directories(target, failed);
    if (failed)
      throw Failure(SP_INVALID,
                    "[reference] expected a folder to write to, got " + target.string() + ": " + failed.message());
    JsonWriter json;
    json.object().array("files").item("model.onnx");
    copy_file(File::open(source), target / "model.onnx", poll);
    for (const auto& name : file.external_files) {
      fs::create_directories((target / name).parent_path(), failed);
      copy_file(File::open_inside(source.parent_path(), name), target / name, poll);
      json.item(std::string_view(name));
    }
    json.end().field("payload", "model.onnx").field("kind", "data").field("format", "onnx").object("needs").end().end();
    write(sink, json.text(), kWho);
  });
}

sp_error* load(sp_instance* instance, const char* artifact, const sp_options* options, const sp_token* token,
               sp_model** model) {
  return guard(kWho, [&] {
    require(instance, kWho, "an instance");
    require(artifact, kWho, "an artifact");
    require(model, kWho, "a place for the model");
    const auto values = option_table().parse(options, kLoad);
    const Poll poll = poll_of(token);
    poll();
    instance->fault.strike("load", poll);
    auto loaded = std::make_unique<sp_model>(std::make_shared<const Model>(artifact, values, poll));
    *model = loaded.release();
  });
}

void close_model(sp_model* model) { delete model; }

const char* entry(const sp_model* model, std::uint32_t index) {
  return model != nullptr && index < model->model->entries().size() ? model->model->entries()[index].name.c_str()
                                                                    : nullptr;
}

const sp_signature* signature(const sp_model* model, std::uint32_t index) {
  return model != nullptr && index < model->model->entries().size() ? model->model->entries()[index].signature->get()
                                                                    : nullptr;
}

sp_error* stats(const sp_model* model, const sp_sink* sink) {
  return guard(kWho, [&] {
    require(model, kWho, "a model");
    write(sink, model->model->stats(), kWho);
  });
}

sp_error* open_context(sp_model* model, std::uint32_t index, const sp_options* options, sp_context** context) {
  return guard(kWho, [&] {
    require(model, kWho, "a model");
    require(context, kWho, "a place for the context");
    option_table().parse(options, kContext);
    *context = new sp_context{Context(model->model, index)};
  });
}

void close_context(sp_context* context) { delete context; }

/// What every entry on a context begins with.
template <typename Body>
sp_error* on_context(sp_context* context, Body&& body) {
  return guard(kWho, [&] {
    require(context, kWho, "a context");
    body(context->context);
  });
}

sp_error* bind_input(sp_context* context, std::uint32_t index, const DLTensor* tensor) {
  return on_context(context, [&](Context& c) { c.bind_input(index, tensor); });
}

sp_error* reshape_input(sp_context* context, std::uint32_t index, std::int32_t rank, const std::int64_t* shape) {
  return on_context(context, [&](Context& c) {
    if (rank < 0) throw Failure(SP_SHAPE, "[reference] expected a rank of at least 0, got " + std::to_string(rank));
    if (rank > 0) require(shape, kWho, "a shape");
    c.reshape_input(index, {shape, static_cast<std::size_t>(rank)});
  });
}

sp_error* bind_output(sp_context* context, std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity) {
  return on_context(context, [&](Context& c) { c.bind_output(index, tensor, capacity); });
}

sp_error* execute(sp_context* context, const sp_run* run) {
  return on_context(context, [&](Context& c) { c.execute(run); });
}

sp_error* output(sp_context* context, std::uint32_t index, DLTensor* view, int* in_bound_memory) {
  return on_context(context, [&](Context& c) {
    require(view, kWho, "a place for the view");
    c.output(index, *view, in_bound_memory);
  });
}

sp_error* take_output(sp_context* context, std::uint32_t index, DLManagedTensorVersioned** tensor) {
  return on_context(context, [&](Context& c) {
    require(tensor, kWho, "a place for the tensor");
    *tensor = c.take_output(index);
  });
}

/// ONNX models without loops have no state between executions.
sp_error* reset_state(sp_context* context) {
  return on_context(context, [](Context&) {});
}

sp_error* cancel(sp_context* context) {
  return on_context(context, [](Context& c) { c.cancel(); });
}

sp_error* profile(sp_context* context, const sp_sink* sink) {
  return on_context(context, [&](Context& c) { write(sink, c.profile(), kWho); });
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const sp_backend* speedster_backend_v1(void) {
  static const sp_backend table = {
      sizeof(sp_backend),
      1,
      0,
      kWho,
      describe,
      open,
      close,
      probe,
      compile,
      load,
      close_model,
      entry,
      signature,
      stats,
      open_context,
      close_context,
      bind_input,
      reshape_input,
      bind_output,
      execute,
      output,
      take_output,
      reset_state,
      cancel,
      profile,
  };
  return &table;
}
