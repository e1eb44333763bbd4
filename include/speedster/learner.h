/// The runtime in C++: a header over the C interface of speedster.h, so that compiler and standard library stay yours.
///
///     auto learner = speedster::Learner::load("rec.speedster");   // Result<Learner>: check it
///     auto outputs = learner->run(inputs);                        // simple: tensors in, named tensors out
///
///     auto context = learner->context();                          // no overhead: bind once, run often
///     context->bind_input(0, image.view());
///     context->bind_output(0, scores.view());
///     while (next(image)) context->run();
#pragma once
#if __cplusplus < 202002L
#error "speedster/learner.h is C++20; try target_compile_features(YOUR_TARGET PRIVATE cxx_std_20)"
#endif

#include <speedster/error.h>
#include <speedster/speedster.h>
#include <speedster/tensor.h>
#include <speedster/version.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace speedster {

/// How to load a package; the defaults load the best variant as it was judged.
struct LoadOptions {
  std::string entry = "main";
  int threads = 0;                                       ///< 0 = as judged, at most the cores this process may use
  int contexts = 1;                                      ///< callers to provide for
  std::string require_variant;                           ///< fail instead of falling back to another variant
  std::string manifest_sha256;                           ///< fail if the manifest has another digest
  bool allow_code = false;                               ///< payloads that are code may come from another machine
  std::string backend_path;                              ///< folders with plug-ins, ':'-separated
  std::map<std::string, std::string> vendor_library;     ///< backend -> path of the vendor's library
  std::map<std::string, std::string> options;            ///< session options that override the variant's own
  std::string hide_isa;                                  ///< instruction sets to treat as missing, ','-separated
  bool vendor_cache = true;                              ///< keep and use what a vendor makes of the model here
  std::function<void(int level, std::string_view)> log;  ///< called from any thread; empty = silent
};

/// One input or output: -1 in `shape` is a dynamic axis; `axes` has its symbolic name, or an empty text.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kFloat32;
  bool unknown_rank = false;
  Shape shape;
  std::vector<std::string> axes;
  Shape typical;  ///< a size for each dynamic axis: the one it was judged at, 1 where not known
};

namespace detail {

/// NULL is success; takes ownership.
inline Result<void> take(speedster_error* error) {
  if (error == nullptr) return {};
  Error taken(static_cast<ErrorKind>(speedster_error_kind(error)), speedster_error_message(error));
  const std::int64_t code = speedster_error_vendor_code(error);
  speedster_error_free(error);
  return std::move(taken).with_vendor_code(code);
}

inline void append_text(void* user, const char* text, std::size_t length) {
  static_cast<std::string*>(user)->append(text, length);
}

inline DLTensor to_dl(const TensorView& view) {
  DLTensor tensor{};
  tensor.data = view.data;
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<std::int32_t>(view.shape.size());
  tensor.dtype = info(view.dtype).dl;
  tensor.shape = const_cast<std::int64_t*>(view.shape.data());
  return tensor;
}

inline std::string join_pairs(const std::map<std::string, std::string>& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

/// speedster_load_options over the strings of a LoadOptions, which must outlive it.
class COptions {
 public:
  explicit COptions(const LoadOptions& from)
      : vendor_(join_pairs(from.vendor_library)), options_(join_pairs(from.options)) {
    c_.size = sizeof(c_);
    c_.entry = from.entry.c_str();
    c_.threads = from.threads;
    c_.contexts = from.contexts;
    c_.require_variant = text(from.require_variant);
    c_.manifest_sha256 = text(from.manifest_sha256);
    c_.allow_code = from.allow_code ? 1 : 0;
    c_.backend_path = text(from.backend_path);
    c_.vendor_library = text(vendor_);
    c_.options = text(options_);
    c_.hide_isa = text(from.hide_isa);
    c_.no_vendor_cache = from.vendor_cache ? 0 : 1;
    if (from.log) {
      c_.log = [](void* user, int level, const char* message) {
        (*static_cast<const std::function<void(int, std::string_view)>*>(user))(level, message);
      };
      c_.log_user = const_cast<void*>(static_cast<const void*>(&from.log));
    }
  }
  COptions(const COptions&) = delete;
  COptions& operator=(const COptions&) = delete;
  const speedster_load_options* get() const { return &c_; }

 private:
  static const char* text(const std::string& value) { return value.empty() ? nullptr : value.c_str(); }
  std::string vendor_, options_;
  speedster_load_options c_{};
};

}  // namespace detail

/// One caller of a learner: bindings and scratch. Used by one thread at a time (`cancel`: any).
class Context {
 public:
  /// The memory must live until it is replaced or the context ends; dtype and rank must match the signature.
  Result<void> bind_input(std::uint32_t index, const TensorView& tensor) {
    const DLTensor dl = detail::to_dl(tensor);
    return detail::take(speedster_bind_input(context_.get(), index, &dl));
  }
  /// The same memory with another shape.
  Result<void> reshape_input(std::uint32_t index, std::span<const std::int64_t> shape) {
    return detail::take(
        speedster_reshape_input(context_.get(), index, static_cast<std::int32_t>(shape.size()), shape.data()));
  }
  /// The result lands in this memory if it fits; see `output` for its actual shape and place. `capacity` is in bytes.
  Result<void> bind_output(std::uint32_t index, const TensorView& memory, std::size_t capacity) {
    const DLTensor dl = detail::to_dl(memory);
    return detail::take(speedster_bind_output(context_.get(), index, &dl, capacity));
  }
  Result<void> bind_output(std::uint32_t index, const TensorView& memory) {
    return bind_output(index, memory, memory.bytes());
  }
  /// The context owns the output again.
  Result<void> unbind_output(std::uint32_t index) {
    return detail::take(speedster_bind_output(context_.get(), index, nullptr, 0));
  }
  /// Runs with the bindings as they are; the steady state neither binds nor allocates.
  Result<void> run() { return detail::take(speedster_run(context_.get())); }
  /// An output with its actual shape, valid until the next run. `in_bound_memory`: it lies where it was bound.
  Result<TensorView> output(std::uint32_t index, bool* in_bound_memory = nullptr) const {
    DLTensor view{};
    std::int32_t bound = 0;
    if (auto got = detail::take(speedster_get_output(context_.get(), index, &view, &bound)); !got)
      return std::move(got).error();
    const auto dtype = dtype_from_dl(view.dtype);
    if (!dtype) return Error(ErrorKind::kUnsupported, "[learner] expected an output of a known dtype, got another");
    if (in_bound_memory != nullptr) *in_bound_memory = bound != 0;
    return TensorView{*dtype,
                      {view.shape, static_cast<std::size_t>(view.ndim)},
                      view.data == nullptr ? nullptr : static_cast<char*>(view.data) + view.byte_offset};
  }
  /// Ends a running `run` of this context with the kind `cancelled`; no effect on a later one.
  Result<void> cancel() { return detail::take(speedster_cancel(context_.get())); }
  /// JSON: time by original node name, where the vendor can.
  Result<std::string> profile() {
    std::string text;
    if (auto got = detail::take(speedster_profile(context_.get(), detail::append_text, &text)); !got)
      return std::move(got).error();
    return text;
  }
  speedster_context* get() const { return context_.get(); }

 private:
  friend class Learner;
  struct Free {
    std::shared_ptr<const void> learner;  // whose log a context may call as long as it lives
    void operator()(speedster_context* context) const { speedster_context_free(context); }
  };
  explicit Context(speedster_context* context, std::shared_ptr<const void> learner = nullptr)
      : context_(context, Free{std::move(learner)}) {}
  std::unique_ptr<speedster_context, Free> context_;
};

/// A loaded package: callable from any threads at once. Copies share it.
class Learner {
 public:
  static Result<Learner> load(const std::string& package, const LoadOptions& options = {}) {
    auto state = std::make_shared<State>();
    state->options = options;  // the log must outlive the learner
    const detail::COptions c(state->options);
    speedster_learner* raw = nullptr;
    if (auto got = detail::take(speedster_learner_load(package.c_str(), c.get(), &raw)); !got)
      return std::move(got).error();
    state->learner.reset(raw);
    for (std::uint32_t i = 0; i < speedster_input_count(raw); ++i)
      state->inputs.push_back(to_info(*speedster_input(raw, i)));
    for (std::uint32_t i = 0; i < speedster_output_count(raw); ++i)
      state->outputs.push_back(to_info(*speedster_output(raw, i)));
    return Learner(std::move(state));
  }

  const std::vector<TensorInfo>& inputs() const { return state_->inputs; }
  const std::vector<TensorInfo>& outputs() const { return state_->outputs; }
  std::optional<std::uint32_t> input_index(std::string_view name) const { return index_of(state_->inputs, name); }
  std::optional<std::uint32_t> output_index(std::string_view name) const { return index_of(state_->outputs, name); }

  /// JSON: the variant that runs and why earlier ones do not, precision, threads, vendor, manifest digest.
  Result<std::string> info() const {
    std::string text;
    if (auto got = detail::take(speedster_learner_info(state_->learner.get(), detail::append_text, &text)); !got)
      return std::move(got).error();
    return text;
  }

  Result<Context> context() const { return new_context(state_); }

  /// Runs on views in the signature's order (a view without data and shape = an absent optional input) and copies the
  /// outputs. Any threads at once: each call borrows a context.
  Result<std::vector<NamedTensor>> run(std::span<const TensorView> inputs) const {
    if (inputs.size() != state_->inputs.size())
      return Error(ErrorKind::kBadInput, "[learner] expected " + std::to_string(state_->inputs.size()) +
                                             " inputs, got " + std::to_string(inputs.size()));
    auto borrowed = borrow();
    if (!borrowed) return std::move(borrowed).error();
    Context context = std::move(borrowed).value();
    auto outputs = run_on(context, inputs);
    // A context that failed may hold bindings to memory that is about to go.
    if (outputs) give_back(std::move(context));
    return outputs;
  }
  /// Tensors in the signature's order.
  Result<std::vector<NamedTensor>> run(const std::vector<Tensor>& inputs) const {
    std::vector<TensorView> views;
    for (const Tensor& tensor : inputs) views.push_back(view_of(tensor));
    return run(std::span<const TensorView>(views));
  }
  /// Tensors by name, in any order.
  Result<std::vector<NamedTensor>> run(const std::vector<NamedTensor>& inputs) const {
    std::vector<TensorView> views(state_->inputs.size());
    std::vector<bool> given(views.size());
    for (const NamedTensor& input : inputs) {
      const auto index = input_index(input.name);
      if (!index || given[*index])
        return Error(ErrorKind::kBadInput, "[learner] expected each of the inputs " + names(state_->inputs) +
                                               " once, got \"" + input.name + "\"" + (index ? " twice" : ""));
      given[*index] = true;
      views[*index] = view_of(input.tensor);
    }
    for (std::size_t i = 0; i < views.size(); ++i)
      if (!given[i]) views[i] = absent();
    return run(std::span<const TensorView>(views));
  }

  speedster_learner* get() const { return state_->learner.get(); }

 private:
  struct Free {
    void operator()(speedster_learner* learner) const { speedster_learner_free(learner); }
  };
  struct State {
    LoadOptions options;
    std::unique_ptr<speedster_learner, Free> learner;
    std::vector<TensorInfo> inputs, outputs;
    std::mutex mutex;
    std::vector<Context> idle;
  };
  static constexpr std::size_t kIdleContexts = 16;

  explicit Learner(std::shared_ptr<State> state) : state_(std::move(state)) {}

  static TensorInfo to_info(const speedster_tensor_spec& spec) {
    TensorInfo out;
    out.name = spec.name;
    out.dtype = dtype_from_dl(spec.dtype).value_or(DType::kFloat32);
    out.unknown_rank = spec.rank < 0;
    for (std::int32_t i = 0; i < spec.rank; ++i) {
      out.shape.push_back(spec.shape[i]);
      out.typical.push_back(spec.typical[i]);
      out.axes.emplace_back(spec.axes[i] == nullptr ? "" : spec.axes[i]);
    }
    return out;
  }
  static std::optional<std::uint32_t> index_of(const std::vector<TensorInfo>& specs, std::string_view name) {
    const auto it = std::find_if(specs.begin(), specs.end(), [&](const TensorInfo& spec) { return spec.name == name; });
    if (it == specs.end()) return std::nullopt;
    return static_cast<std::uint32_t>(it - specs.begin());
  }
  static std::string names(const std::vector<TensorInfo>& specs) {
    std::string text;
    for (const TensorInfo& spec : specs) text += (text.empty() ? "\"" : ", \"") + spec.name + "\"";
    return text;
  }
  static TensorView view_of(const Tensor& tensor) {
    return {tensor.dtype(), tensor.shape(), const_cast<void*>(tensor.data())};
  }
  /// An absent input is told from a scalar without data by its shape's null pointer.
  static TensorView absent() { return {}; }
  static bool is_absent(const TensorView& view) { return view.data == nullptr && view.shape.data() == nullptr; }

  Result<Context> borrow() const {
    {
      const std::scoped_lock lock(state_->mutex);
      if (!state_->idle.empty()) {
        Context context = std::move(state_->idle.back());
        state_->idle.pop_back();
        return context;
      }
    }
    return new_context(nullptr);  // it may become one of the learner's own, which it must not keep alive
  }
  Result<Context> new_context(std::shared_ptr<const void> keeps) const {
    speedster_context* raw = nullptr;
    if (auto got = detail::take(speedster_context_create(state_->learner.get(), &raw)); !got)
      return std::move(got).error();
    return Context(raw, std::move(keeps));
  }
  void give_back(Context context) const {
    const std::scoped_lock lock(state_->mutex);
    if (state_->idle.size() < kIdleContexts) state_->idle.push_back(std::move(context));
  }

  Result<std::vector<NamedTensor>> run_on(Context& context, std::span<const TensorView> inputs) const {
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      auto bound = is_absent(inputs[i]) ? detail::take(speedster_bind_input(context.get(), i, nullptr))
                                        : context.bind_input(i, inputs[i]);
      if (!bound) return std::move(bound).error();
    }
    if (auto ran = context.run(); !ran) return std::move(ran).error();
    std::vector<NamedTensor> outputs;
    for (std::uint32_t i = 0; i < state_->outputs.size(); ++i) {
      auto view = context.output(i);
      if (!view) return std::move(view).error();
      Tensor copy(view->dtype, Shape(view->shape.begin(), view->shape.end()));
      if (copy.bytes() != 0) std::memcpy(copy.data(), view->data, copy.bytes());
      outputs.push_back({state_->outputs[i].name, std::move(copy)});
    }
    return outputs;
  }

  std::shared_ptr<State> state_;
};

/// Checks every digest of a package and runs its samples; the JSON report goes to `report`, also when something failed.
inline Result<void> verify(const std::string& package, const LoadOptions& options, std::string* report) {
  const detail::COptions c(options);
  std::string text;
  auto done = detail::take(speedster_verify(package.c_str(), c.get(), detail::append_text, &text));
  if (report != nullptr) *report = std::move(text);
  return done;
}

}  // namespace speedster
