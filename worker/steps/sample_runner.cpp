#include "worker/steps/sample_runner.h"

#include <algorithm>
#include <optional>

namespace speedster::worker {
namespace {

/// `key` = `value` where the plug-in has such an option.
void set_if_known(const backend::Plugin& plugin, backend::Options& options, const char* key, const std::string& value) {
  const Json known = plugin.description().value("options", Json::object());
  if (known.is_object() && known.contains(key)) options[key] = value;
}

DLTensor to_dl(const TensorView& view) {
  return {view.data,
          {kDLCPU, 0},
          static_cast<std::int32_t>(view.shape.size()),
          info(view.dtype).dl,
          const_cast<std::int64_t*>(view.shape.data()),
          nullptr,
          0};
}

}  // namespace

backend::Options SampleRunner::options(const backend::Instance& instance, int threads) {
  backend::Options options;
  set_if_known(instance.plugin(), options, "precision", "fp32");
  set_if_known(instance.plugin(), options, "optimization", "disable");
  set_if_known(instance.plugin(), options, "threads", std::to_string(threads));
  // Between two calls it is whoever looks at the outputs that needs the processor.
  set_if_known(instance.plugin(), options, "spinning", "0");
  return options;
}

Result<SampleRunner> SampleRunner::load(const backend::Instance& instance, const fs::path& file,
                                        const backend::Options& options, const samples::SampleStore& store,
                                        const std::map<std::string, TensorView>& fixed) {
  SPEEDSTER_ASSIGN(backend::Model model, instance.load(file, options));
  SPEEDSTER_ASSIGN(Signature signature, model.signature());
  SPEEDSTER_ASSIGN(backend::Context context, model.open_context());
  SampleRunner runner(std::move(signature), std::move(context), store);
  const auto& names = store.input_names();
  for (std::size_t i = 0; i < runner.signature_.inputs.size(); ++i) {
    const std::string& input = runner.signature_.inputs[i].name;
    const auto given = fixed.find(input);
    const auto found = std::find(names.begin(), names.end(), input);
    if (given != fixed.end())
      runner.fixed_.emplace(i, given->second);
    else if (found == names.end())
      return Error(ErrorKind::kBadInput, "[samples] expected samples of the input \"" + input + "\", got none");
    runner.place_.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return runner;
}

Result<void> SampleRunner::run(std::size_t sample, const compressor::TakeOutputs& take) {
  SPEEDSTER_ASSIGN(const std::vector<TensorView> inputs, store_.sample(sample));
  for (std::size_t i = 0; i < place_.size(); ++i) {
    const auto fixed = fixed_.find(i);
    const DLTensor tensor = to_dl(fixed != fixed_.end() ? fixed->second : inputs[place_[i]]);
    SPEEDSTER_TRY(context_.bind_input(static_cast<std::uint32_t>(i), &tensor));
  }
  SPEEDSTER_TRY(context_.execute());
  std::vector<TensorView> views;
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    DLTensor view{};
    SPEEDSTER_TRY(context_.output(static_cast<std::uint32_t>(i), &view));
    const std::optional<DType> dtype = dtype_from_dl(view.dtype);
    if (!dtype) return Error(ErrorKind::kUnsupported, "[samples] expected outputs of a known dtype, got another");
    views.push_back({*dtype,
                     {view.shape, static_cast<std::size_t>(view.ndim)},
                     static_cast<std::byte*>(view.data) + view.byte_offset});
  }
  take(views);
  store_.forget(sample);
  return {};
}

Result<std::map<std::string, double>> SampleRunner::seconds_by_node() {
  std::map<std::string, double> seconds;
  const auto profile = context_.profile();
  if (!profile.ok() && profile.error().kind() == ErrorKind::kUnsupported) return seconds;
  if (!profile.ok()) return profile.error();
  SPEEDSTER_ASSIGN(const Json* nodes, json_array(*profile, "nodes", "profile"));
  for (const Json& node : *nodes) {
    SPEEDSTER_ASSIGN(const std::string name, json_string(node, "name", "profile"));
    SPEEDSTER_ASSIGN(seconds[name], json_number(node, "seconds", "profile"));
  }
  return seconds;
}

Result<std::vector<std::size_t>> chosen_samples(const StepContext& context, const samples::SampleStore& store) {
  std::vector<std::size_t> indices;
  const auto given = context.options.find("indices");
  if (given == context.options.end() || !given->is_array()) {
    for (std::size_t i = 0; i < store.size(); ++i) indices.push_back(i);
    return indices;
  }
  for (const Json& index : *given) {
    if (!index.is_number_unsigned() || index.get<std::size_t>() >= store.size())
      return Error(ErrorKind::kUsage, "[" + context.step + "] expected indices below " + std::to_string(store.size()) +
                                          ", got " + index.dump());
    indices.push_back(index.get<std::size_t>());
  }
  return indices;
}

}  // namespace speedster::worker
