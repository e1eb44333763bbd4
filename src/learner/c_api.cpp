// The C interface: handles over the values of this room, exceptions and Results turned into speedster_error.
#include <speedster/speedster.h>
#include <speedster/version.h>

#include <exception>
#include <new>
#include <optional>

#include "learner/context.h"
#include "learner/verify.h"

using speedster::Error;
using speedster::ErrorKind;
using speedster::Json;
using speedster::Result;

struct speedster_error {
  int kind = 0;
  std::int64_t vendor_code = 0;
  std::optional<std::string> message;  ///< nothing where there was no memory for one
};

namespace {

/// The pointers that a C caller sees of one side of a signature.
class SpecTable {
 public:
  explicit SpecTable(const std::vector<speedster::TensorSpec>& specs)
      : specs_(specs.size()), shapes_(specs.size()), typical_(specs.size()), axes_(specs.size()) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      shapes_[i] = specs[i].shape();
      for (const speedster::Axis& axis : specs[i].axes)
        typical_[i].push_back(axis.dynamic() ? axis.opt.value_or(1) : axis.value);
      for (const speedster::Axis& axis : specs[i].axes)
        axes_[i].push_back(axis.name.empty() ? nullptr : axis.name.c_str());
      const auto rank = specs[i].unknown_rank ? -1 : static_cast<std::int32_t>(specs[i].axes.size());
      specs_[i] = {specs[i].name.c_str(), speedster::info(specs[i].dtype).dl, rank, shapes_[i].data(), axes_[i].data(),
                   typical_[i].data()};
    }
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(specs_.size()); }
  const speedster_tensor_spec* at(std::uint32_t index) const {
    return index < specs_.size() ? &specs_[index] : nullptr;
  }

 private:
  std::vector<speedster_tensor_spec> specs_;
  std::vector<speedster::Shape> shapes_, typical_;
  std::vector<std::vector<const char*>> axes_;
};

}  // namespace

struct speedster_learner {
  std::shared_ptr<const speedster::learner::Learner> learner;
  SpecTable inputs, outputs;

  explicit speedster_learner(std::shared_ptr<const speedster::learner::Learner> loaded)
      : learner(std::move(loaded)), inputs(learner->signature().inputs), outputs(learner->signature().outputs) {}
};

struct speedster_context {
  speedster::learner::Context context;
};

namespace {

/// Answers where no memory is left for a better one: made by the compiler, never written, never freed.
constinit const speedster_error kNoMemory{static_cast<int>(ErrorKind::kOutOfMemory), 0, std::nullopt};

speedster_error* out_of_memory() { return const_cast<speedster_error*>(&kNoMemory); }

speedster_error* to_c(const Error& error) {
  return new speedster_error{static_cast<int>(error.kind()), error.vendor_code(), error.full_message()};
}

speedster_error* to_c(Result<void> result) { return result ? nullptr : to_c(result.error()); }

/// Runs `body`; nothing is thrown across the interface.
template <typename Body>
speedster_error* guarded(Body&& body) noexcept {
  try {
    return to_c(body());
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& thrown) {
    try {
      return to_c(Error(ErrorKind::kInternal, std::string("[learner] ") + thrown.what()));
    } catch (...) {
      return out_of_memory();
    }
  } catch (...) {
    return out_of_memory();
  }
}

Error no_pointer(const char* what) {
  return {ErrorKind::kUsage, "[learner] expected " + std::string(what) + ", got NULL"};
}

void write_json(const Json& json, speedster_write write, void* user) {
  const std::string text = speedster::to_text(json, 2);
  write(user, text.data(), text.size());
}

}  // namespace

extern "C" {

const char* speedster_version(void) { return SPEEDSTER_VERSION_STRING; }

int speedster_error_kind(const speedster_error* error) { return error == nullptr ? 0 : error->kind; }
const char* speedster_error_message(const speedster_error* error) {
  if (error == nullptr) return "";
  return error->message ? error->message->c_str() : "[learner] expected memory, got none";
}
std::int64_t speedster_error_vendor_code(const speedster_error* error) {
  return error == nullptr ? 0 : error->vendor_code;
}
void speedster_error_free(speedster_error* error) {
  if (error != out_of_memory()) delete error;
}

speedster_error* speedster_learner_load(const char* package, const speedster_load_options* options,
                                        speedster_learner** out) {
  return guarded([&]() -> Result<void> {
    if (package == nullptr || out == nullptr) return no_pointer("a package and a place for the learner");
    *out = nullptr;
    SPEEDSTER_ASSIGN(const speedster::learner::LoadOptions from, speedster::learner::from_c(options));
    SPEEDSTER_ASSIGN(auto learner, speedster::learner::Learner::load(package, from));
    *out = new speedster_learner(std::move(learner));
    return {};
  });
}

void speedster_learner_free(speedster_learner* learner) { delete learner; }

speedster_error* speedster_learner_info(const speedster_learner* learner, speedster_write write, void* user) {
  return guarded([&]() -> Result<void> {
    if (learner == nullptr || write == nullptr) return no_pointer("a learner and a function that takes text");
    SPEEDSTER_ASSIGN(const Json info, learner->learner->info());
    write_json(info, write, user);
    return {};
  });
}

std::uint32_t speedster_input_count(const speedster_learner* learner) {
  return learner == nullptr ? 0 : learner->inputs.size();
}
std::uint32_t speedster_output_count(const speedster_learner* learner) {
  return learner == nullptr ? 0 : learner->outputs.size();
}
const speedster_tensor_spec* speedster_input(const speedster_learner* learner, std::uint32_t index) {
  return learner == nullptr ? nullptr : learner->inputs.at(index);
}
const speedster_tensor_spec* speedster_output(const speedster_learner* learner, std::uint32_t index) {
  return learner == nullptr ? nullptr : learner->outputs.at(index);
}

speedster_error* speedster_context_create(speedster_learner* learner, speedster_context** out) {
  return guarded([&]() -> Result<void> {
    if (learner == nullptr || out == nullptr) return no_pointer("a learner and a place for the context");
    *out = nullptr;
    SPEEDSTER_ASSIGN(auto context, speedster::learner::Context::create(learner->learner));
    *out = new speedster_context{std::move(context)};
    return {};
  });
}

void speedster_context_free(speedster_context* context) { delete context; }

speedster_error* speedster_bind_input(speedster_context* context, std::uint32_t index, const DLTensor* tensor) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr) return no_pointer("a context");
    return context->context.bind_input(index, tensor);
  });
}

speedster_error* speedster_bind_output(speedster_context* context, std::uint32_t index, const DLTensor* tensor,
                                       std::uint64_t capacity) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr) return no_pointer("a context");
    return context->context.bind_output(index, tensor, capacity);
  });
}

speedster_error* speedster_reshape_input(speedster_context* context, std::uint32_t index, std::int32_t rank,
                                         const std::int64_t* shape) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr || (rank > 0 && shape == nullptr)) return no_pointer("a context and a shape");
    return context->context.reshape_input(index, {shape, static_cast<std::size_t>(rank < 0 ? 0 : rank)});
  });
}

speedster_error* speedster_run(speedster_context* context) {
  // The one call that is timed: no guard, no conversion, nothing in the way of success.
  if (context == nullptr) return guarded([]() -> Result<void> { return no_pointer("a context"); });
  sp_error* error = context->context.execute();
  if (error == nullptr) [[likely]]
    return nullptr;
  return guarded([&]() -> Result<void> { return speedster::backend::take_error(error, context->context.who()); });
}

speedster_error* speedster_get_output(speedster_context* context, std::uint32_t index, DLTensor* view,
                                      std::int32_t* in_bound_memory) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr || view == nullptr) return no_pointer("a context and a place for the view");
    int bound = 0;
    SPEEDSTER_TRY(context->context.output(index, view, &bound));
    if (in_bound_memory != nullptr) *in_bound_memory = bound;
    return {};
  });
}

speedster_error* speedster_take_output(speedster_context* context, std::uint32_t index,
                                       DLManagedTensorVersioned** out) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr || out == nullptr) return no_pointer("a context and a place for the tensor");
    *out = nullptr;
    SPEEDSTER_ASSIGN(*out, context->context.take_output(index));
    return {};
  });
}

speedster_error* speedster_cancel(speedster_context* context) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr) return no_pointer("a context");
    return context->context.cancel();
  });
}

speedster_error* speedster_profile(speedster_context* context, speedster_write write, void* user) {
  return guarded([&]() -> Result<void> {
    if (context == nullptr || write == nullptr) return no_pointer("a context and a function that takes text");
    SPEEDSTER_ASSIGN(const Json profile, context->context.profile());
    write_json(profile, write, user);
    return {};
  });
}

speedster_error* speedster_verify(const char* package, const speedster_load_options* options, speedster_write write,
                                  void* user) {
  return guarded([&]() -> Result<void> {
    if (package == nullptr) return no_pointer("a package");
    SPEEDSTER_ASSIGN(const speedster::learner::LoadOptions from, speedster::learner::from_c(options));
    Json report;
    Result<void> held = speedster::learner::verify(package, from, &report);
    if (write != nullptr) write_json(report, write, user);
    return held;
  });
}

}  // extern "C"
