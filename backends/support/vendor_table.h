/// The table of a plug-in whose work is done by four classes of a vendor: what is the same for all such plug-ins.
///
///     struct Vendor {
///       static constexpr const char* kName = "…";
///       using Runtime = …;   // the opened library
///       using Session = …;   // a loaded model: signature()
///       using Context = …;   // a HostContext, made from a shared_ptr<Session>: profile()
///       static const OptionTable& options();
///       static std::string describe();
///       static std::shared_ptr<Runtime> open(const OptionValues&, const sp_host*);
///       static std::string probe(const Runtime&);
///       static std::string compile(const Runtime&, const CompileRequest&);
///       static std::shared_ptr<Session> load(const std::shared_ptr<Runtime>&, const char*, const OptionValues&);
///       static std::string stats(const std::shared_ptr<Session>&);
///     };
///     constexpr sp_backend kTable = plugin::vendor_table<Vendor>();
#pragma once
#include <speedster/backend.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/error.h"
#include "support/fault.h"
#include "support/options.h"
#include "support/run.h"

namespace speedster::plugin {

struct CompileRequest {
  std::string model, format, directory;  ///< format: empty where the caller gave none
  OptionValues options;
};

namespace detail {

template <typename Vendor>
struct TableFunctions {
  using Runtime = typename Vendor::Runtime;
  using Session = typename Vendor::Session;
  using Context = typename Vendor::Context;
  static constexpr const char* kWho = Vendor::kName;

  // What the opaque handles point to. Everything is shared, so that handles may be closed in any order.
  struct InstanceBox {
    std::shared_ptr<Runtime> runtime;
    ~InstanceBox() {
      // What was given away may keep the runtime for long; the host may go now.
      if constexpr (requires { runtime->leave_host(); }) runtime->leave_host();
    }
  };
  struct ModelBox {
    std::shared_ptr<Session> session;
  };

  template <typename Box, typename Handle>
  static Box& unbox(Handle* handle, const char* what) {
    require(handle, kWho, what);
    return *reinterpret_cast<Box*>(const_cast<std::remove_const_t<Handle>*>(handle));
  }
  static void refuse_if_cancelled(const sp_token* token, const char* when) {
    if (token_cancelled(token)) throw Failure(SP_CANCELLED, std::string("[") + kWho + "] cancelled " + when);
  }

  static sp_error* describe(const sp_sink* sink) {
    return guard(kWho, [&] { write(sink, Vendor::describe(), kWho); });
  }
  static sp_error* open(const sp_host* host, const sp_options* options, sp_instance** out) {
    return guard(kWho, [&] {
      require(out, kWho, "a place for the instance");
      const OptionValues values = Vendor::options().parse(options, kOpen);
      test_fault(kWho, "open");
      *out = reinterpret_cast<sp_instance*>(new InstanceBox{Vendor::open(values, host)});
    });
  }
  static void close(sp_instance* instance) { delete reinterpret_cast<InstanceBox*>(instance); }
  static sp_error* probe(sp_instance* instance, const sp_sink* sink) {
    return guard(kWho, [&] {
      auto& box = unbox<InstanceBox>(instance, "an instance");
      test_fault(kWho, "probe");
      write(sink, Vendor::probe(*box.runtime), kWho);
    });
  }
  static sp_error* compile(sp_instance* instance, const char* model, const char* format, const sp_options* options,
                           const char* directory, const sp_token* token, const sp_sink* sink) {
    return guard(kWho, [&] {
      auto& box = unbox<InstanceBox>(instance, "an instance");
      require(model, kWho, "a model");
      require(directory, kWho, "a folder");
      CompileRequest request = {model, format == nullptr ? "" : format, directory,
                                Vendor::options().parse(options, kCompile)};
      test_fault(kWho, "compile");
      refuse_if_cancelled(token, "before the compilation began");
      const std::string answer = Vendor::compile(*box.runtime, request);
      refuse_if_cancelled(token, "while the model was compiled");
      write(sink, answer, kWho);
    });
  }
  static sp_error* load(sp_instance* instance, const char* artifact, const sp_options* options, const sp_token* token,
                        sp_model** out) {
    return guard(kWho, [&] {
      auto& box = unbox<InstanceBox>(instance, "an instance");
      require(artifact, kWho, "an artifact");
      require(out, kWho, "a place for the model");
      const OptionValues values = Vendor::options().parse(options, kLoad);
      test_fault(kWho, "load");
      refuse_if_cancelled(token, "before the model was loaded");
      auto session = Vendor::load(box.runtime, artifact, values);
      // Vendors' loading cannot be interrupted; what came too late is dropped.
      refuse_if_cancelled(token, "while the model was loaded");
      *out = reinterpret_cast<sp_model*>(new ModelBox{std::move(session)});
    });
  }
  static void close_model(sp_model* model) { delete reinterpret_cast<ModelBox*>(model); }
  static const char* entry(const sp_model*, uint32_t index) { return index == 0 ? "main" : nullptr; }
  static const sp_signature* signature(const sp_model* model, uint32_t index) {
    return model == nullptr || index != 0 ? nullptr : reinterpret_cast<const ModelBox*>(model)->session->signature();
  }
  static sp_error* stats(const sp_model* model, const sp_sink* sink) {
    return guard(kWho, [&] {
      auto& box = unbox<ModelBox>(model, "a model");
      test_fault(kWho, "stats");
      write(sink, Vendor::stats(box.session), kWho);
    });
  }
  static sp_error* open_context(sp_model* model, uint32_t index, const sp_options* options, sp_context** out) {
    return guard(kWho, [&] {
      auto& box = unbox<ModelBox>(model, "a model");
      require(out, kWho, "a place for the context");
      Vendor::options().parse(options, kContext);
      if (index != 0)
        throw Failure(SP_NOT_FOUND, std::string("[") + kWho + "] expected entry 0, got " + std::to_string(index));
      *out = reinterpret_cast<sp_context*>(new Context(box.session));
    });
  }
  static void close_context(sp_context* context) {
    auto* own = reinterpret_cast<Context*>(context);
    if (own != nullptr) own->finish();
    delete own;
  }

  template <typename Body>
  static sp_error* with(sp_context* context, Body&& body) {
    return guard(kWho, [&] { body(unbox<Context>(context, "a context")); });
  }
  static sp_error* bind_input(sp_context* context, uint32_t i, const DLTensor* tensor) {
    return with(context, [&](Context& c) { c.bind_input(i, tensor); });
  }
  static sp_error* reshape_input(sp_context* context, uint32_t i, int32_t rank, const int64_t* shape) {
    return with(context, [&](Context& c) { c.reshape_input(i, rank, shape); });
  }
  static sp_error* bind_output(sp_context* context, uint32_t i, const DLTensor* tensor, uint64_t capacity) {
    return with(context, [&](Context& c) { c.bind_output(i, tensor, capacity); });
  }
  static sp_error* execute(sp_context* context, const sp_run* run) {
    return with(context, [&](Context& c) { c.execute(run); });
  }
  static sp_error* output(sp_context* context, uint32_t i, DLTensor* view, int* in_bound_memory) {
    return with(context, [&](Context& c) { c.output(i, view, in_bound_memory); });
  }
  static sp_error* take_output(sp_context* context, uint32_t i, DLManagedTensorVersioned** out) {
    return with(context, [&](Context& c) {
      require(out, kWho, "a place for the tensor");
      *out = c.take_output(i);
    });
  }
  /// A model without state is in its first state at all times.
  static sp_error* reset_state(sp_context* context) {
    return with(context, [](Context&) {});
  }
  static sp_error* cancel(sp_context* context) {
    return with(context, [](Context& c) { c.cancel(); });
  }
  static sp_error* profile(sp_context* context, const sp_sink* sink) {
    return with(context, [&](Context& c) { write(sink, c.profile(), kWho); });
  }
};

}  // namespace detail

template <typename Vendor>
constexpr sp_backend vendor_table() {
  using F = detail::TableFunctions<Vendor>;
  return {.size = sizeof(sp_backend),
          .abi_major = 1,
          .abi_minor = 0,
          .name = Vendor::kName,
          .describe = F::describe,
          .open = F::open,
          .close = F::close,
          .probe = F::probe,
          .compile = F::compile,
          .load = F::load,
          .close_model = F::close_model,
          .entry = F::entry,
          .signature = F::signature,
          .stats = F::stats,
          .open_context = F::open_context,
          .close_context = F::close_context,
          .bind_input = F::bind_input,
          .reshape_input = F::reshape_input,
          .bind_output = F::bind_output,
          .execute = F::execute,
          .output = F::output,
          .take_output = F::take_output,
          .reset_state = F::reset_state,
          .cancel = F::cancel,
          .profile = F::profile};
}

}  // namespace speedster::plugin
