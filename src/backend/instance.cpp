#include <algorithm>

#include "backend/plugin.h"
#include "backend/sink.h"
#include "base/files.h"

namespace speedster::backend {
namespace {

constexpr std::uint32_t kMaxEntries = 1024;
constexpr std::uint32_t kMaxTensors = 1024;
constexpr std::int32_t kMaxRank = 32;

std::string who_of(const Plugin& plugin) { return "backend/" + plugin.name(); }

Error missing(const Plugin& plugin, std::string_view what) {
  return {ErrorKind::kUnsupported,
          "[" + who_of(plugin) + "] expected " + std::string(what) + ", got a backend without it"};
}

/// sp_options over the texts of `options`, which must outlive it.
class KeyValues {
 public:
  explicit KeyValues(const Options& options) {
    for (const auto& [key, value] : options) items_.push_back({key.c_str(), value.c_str()});
    view_ = {items_.data(), items_.size()};
  }
  KeyValues(const KeyValues&) = delete;
  KeyValues& operator=(const KeyValues&) = delete;
  const sp_options* get() const { return &view_; }

 private:
  std::vector<sp_kv> items_;
  sp_options view_{};
};

Error bad_signature(std::string_view who, const std::string& why) {
  return {ErrorKind::kInternal, "[" + std::string(who) + "] expected a usable signature, got " + why};
}

Result<TensorSpec> to_spec(const sp_tensor_info* from, std::string_view who) {
  if (from == nullptr || from->size < sizeof(sp_tensor_info) || from->name == nullptr)
    return bad_signature(who, "a tensor without a name or of another layout");
  TensorSpec spec;
  spec.name = from->name;
  const auto dtype = dtype_from_dl(from->dtype);
  if (!dtype)
    return Error(ErrorKind::kUnsupported, "[" + std::string(who) +
                                              "] expected a dtype that crosses the interface for \"" + spec.name +
                                              "\", got DLPack code " + std::to_string(from->dtype.code) + " of " +
                                              std::to_string(from->dtype.bits) + " bits");
  spec.dtype = *dtype;
  spec.unknown_rank = from->rank < 0;
  if (from->rank > kMaxRank || (from->rank > 0 && from->shape == nullptr))
    return bad_signature(who, "rank " + std::to_string(from->rank) + " of \"" + spec.name + "\"");
  for (std::int32_t i = 0; i < from->rank; ++i) {
    Axis axis;
    axis.value = from->shape[i] < 0 ? -1 : from->shape[i];
    if (axis.dynamic()) {
      if (from->axes != nullptr && from->axes[i] != nullptr) axis.name = from->axes[i];
      for (auto [values, target] : {std::pair{from->min, &axis.min}, {from->opt, &axis.opt}, {from->max, &axis.max}})
        if (values != nullptr && values[i] >= 0) *target = values[i];
    }
    spec.axes.push_back(std::move(axis));
  }
  return spec;
}

}  // namespace

struct Instance::State {
  std::shared_ptr<const Plugin> plugin;
  Log log;
  sp_host host{};
  sp_instance* raw = nullptr;

  State(std::shared_ptr<const Plugin> of, Log to) : plugin(std::move(of)), log(std::move(to)) {
    host.size = sizeof(host);
    host.user = this;
    host.log = [](void* user, int level, const char* text) {
      try {
        static_cast<State*>(user)->log.write(static_cast<LogLevel>(std::clamp(level, 0, 3)),
                                             text == nullptr ? "" : text);
      } catch (...) {  // a sink that throws must not unwind through C
      }
    };
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (raw != nullptr) plugin->table().close(raw);
  }
};

struct Model::State {
  std::shared_ptr<Instance::State> instance;
  sp_model* raw = nullptr;

  State(std::shared_ptr<Instance::State> of, sp_model* model) : instance(std::move(of)), raw(model) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { instance->plugin->table().close_model(raw); }
  const sp_backend& table() const { return instance->plugin->table(); }
  std::string who() const { return who_of(*instance->plugin); }
};

struct Context::State {
  std::shared_ptr<Model::State> model;
  sp_context* raw = nullptr;
  std::string who;

  State(std::shared_ptr<Model::State> of, sp_context* context)
      : model(std::move(of)), raw(context), who(model->who()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { model->table().close_context(raw); }
  const sp_backend& table() const { return model->table(); }
  const Plugin& plugin() const { return *model->instance->plugin; }
};

Result<Instance> Instance::open(std::shared_ptr<const Plugin> plugin, const Options& options, Log log) {
  auto state = std::make_shared<State>(std::move(plugin), std::move(log));
  const KeyValues values(options);
  SPEEDSTER_TRY(
      take_error(state->plugin->table().open(&state->host, values.get(), &state->raw), who_of(*state->plugin)));
  if (state->raw == nullptr)
    return Error(ErrorKind::kInternal,
                 "[" + who_of(*state->plugin) + "] expected an instance, got NULL without an error");
  Instance instance;
  instance.state_ = std::move(state);
  return instance;
}

const Plugin& Instance::plugin() const { return *state_->plugin; }

Result<Json> Instance::probe() const {
  Sink sink;
  SPEEDSTER_TRY(take_error(plugin().table().probe(state_->raw, sink.get()), who_of(plugin())));
  return sink.json(who_of(plugin()));
}

Result<Json> Instance::compile(const fs::path& model, std::string_view format, const Options& options,
                               const fs::path& directory, const sp_token* token) const {
  if (!plugin().supports(&sp_backend::compile)) return missing(plugin(), "a compiler");
  const KeyValues values(options);
  const std::string format_name(format);
  Sink sink;
  SPEEDSTER_TRY(take_error(plugin().table().compile(state_->raw, model.c_str(), format_name.c_str(), values.get(),
                                                    directory.c_str(), token, sink.get()),
                           who_of(plugin())));
  return sink.json(who_of(plugin()));
}

Result<Model> Instance::load(const fs::path& artifact, const Options& options, const sp_token* token) const {
  const KeyValues values(options);
  sp_model* raw = nullptr;
  SPEEDSTER_TRY(
      take_error(plugin().table().load(state_->raw, artifact.c_str(), values.get(), token, &raw), who_of(plugin())));
  if (raw == nullptr)
    return Error(ErrorKind::kInternal, "[" + who_of(plugin()) + "] expected a model, got NULL without an error");
  Model model;
  model.state_ = std::make_shared<Model::State>(state_, raw);
  return model;
}

std::vector<std::string> Model::entries() const {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < kMaxEntries; ++i) {
    const char* name = state_->table().entry(state_->raw, i);
    if (name == nullptr) break;
    names.emplace_back(name);
  }
  return names;
}

Result<std::uint32_t> Model::entry(std::string_view name) const {
  const std::vector<std::string> names = entries();
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<std::uint32_t>(it - names.begin());
  std::string known;
  for (const std::string& one : names) known += (known.empty() ? "" : ", ") + one;
  return Error(ErrorKind::kNotFound, "[" + state_->who() + "] expected an entry of " +
                                         (known.empty() ? "none" : known) + ", got \"" + std::string(name) + "\"");
}

Result<Signature> Model::signature(std::uint32_t entry) const {
  const std::string who = state_->who();
  const sp_signature* from = state_->table().signature(state_->raw, entry);
  if (from == nullptr || from->size < sizeof(sp_signature)) return bad_signature(who, "none or one of another layout");
  if (from->inputs > kMaxTensors || from->outputs > kMaxTensors) return bad_signature(who, "more than 1024 tensors");
  Signature signature;
  for (std::uint32_t i = 0; i < from->inputs; ++i) {
    SPEEDSTER_ASSIGN(TensorSpec spec, to_spec(from->input[i], who));
    signature.inputs.push_back(std::move(spec));
  }
  for (std::uint32_t i = 0; i < from->outputs; ++i) {
    SPEEDSTER_ASSIGN(TensorSpec spec, to_spec(from->output[i], who));
    signature.outputs.push_back(std::move(spec));
  }
  return signature;
}

Result<Json> Model::stats() const {
  Sink sink;
  SPEEDSTER_TRY(take_error(state_->table().stats(state_->raw, sink.get()), state_->who()));
  return sink.json(state_->who());
}

Result<Context> Model::open_context(std::uint32_t entry, const Options& options) const {
  const KeyValues values(options);
  sp_context* raw = nullptr;
  SPEEDSTER_TRY(take_error(state_->table().open_context(state_->raw, entry, values.get(), &raw), state_->who()));
  if (raw == nullptr)
    return Error(ErrorKind::kInternal, "[" + state_->who() + "] expected a context, got NULL without an error");
  Context context;
  context.state_ = std::make_shared<Context::State>(state_, raw);
  return context;
}

Result<void> Context::bind_input(std::uint32_t index, const DLTensor* tensor) {
  return take_error(table().bind_input(raw(), index, tensor), state_->who);
}

Result<void> Context::reshape_input(std::uint32_t index, std::span<const std::int64_t> shape) {
  if (!state_->plugin().supports(&sp_backend::reshape_input)) return missing(state_->plugin(), "reshape_input");
  return take_error(table().reshape_input(raw(), index, static_cast<std::int32_t>(shape.size()), shape.data()),
                    state_->who);
}

Result<void> Context::bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity) {
  return take_error(table().bind_output(raw(), index, tensor, capacity), state_->who);
}

Result<void> Context::execute(const sp_run* run) { return take_error(table().execute(raw(), run), state_->who); }

Result<void> Context::output(std::uint32_t index, DLTensor* view, int* in_bound_memory) {
  int ignored = 0;
  return take_error(table().output(raw(), index, view, in_bound_memory == nullptr ? &ignored : in_bound_memory),
                    state_->who);
}

Result<DLManagedTensorVersioned*> Context::take_output(std::uint32_t index) {
  if (!state_->plugin().supports(&sp_backend::take_output)) return missing(state_->plugin(), "take_output");
  DLManagedTensorVersioned* taken = nullptr;
  SPEEDSTER_TRY(take_error(table().take_output(raw(), index, &taken), state_->who));
  return taken;
}

Result<void> Context::reset_state() {
  if (!state_->plugin().supports(&sp_backend::reset_state)) return {};  // a model without state has nothing to reset
  return take_error(table().reset_state(raw()), state_->who);
}

Result<void> Context::cancel() {
  if (!state_->plugin().supports(&sp_backend::cancel)) return missing(state_->plugin(), "cancel");
  return take_error(table().cancel(raw()), state_->who);
}

Result<Json> Context::profile() {
  if (!state_->plugin().supports(&sp_backend::profile)) return missing(state_->plugin(), "a profile");
  Sink sink;
  SPEEDSTER_TRY(take_error(table().profile(raw(), sink.get()), state_->who));
  return sink.json(state_->who);
}

sp_context* Context::raw() const { return state_->raw; }
const sp_backend& Context::table() const { return state_->table(); }

}  // namespace speedster::backend
