#include "worker/serve/loaded.h"

#include "base/clock.h"
#include "model/signature.h"
#include "samples/resample.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

constexpr const char* kWho = "serve";

std::string text(const Json& request, const char* key) {
  const auto found = request.find(key);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int integer(const Json& request, const char* key, int fallback) {
  const Result<std::int64_t> value = json_int(request, key, kWho);
  return value ? static_cast<int>(*value) : fallback;
}

}  // namespace

Result<std::unique_ptr<Loaded>> Loaded::load(const Json& request, double* seconds) {
  SPEEDSTER_ASSIGN(const std::string package, json_string(request, "package", kWho));
  LoadOptions options;
  if (const std::string entry = text(request, "entry"); !entry.empty()) options.entry = entry;
  options.threads = integer(request, "threads", 0);
  options.contexts = std::max(integer(request, "contexts", 1), 1);
  options.require_variant = text(request, "variant");
  options.backend_path = text(request, "backend_path");
  options.vendor_cache = false;  // each load is timed as the first on a machine, and candidates leave nothing behind
  options.allow_code = request.value("allow_code", Json(false)) == Json(true);
  SPEEDSTER_ASSIGN(const backend::Options session, options_from_json(request.value("options", Json()), kWho));
  options.options.insert(session.begin(), session.end());
  SPEEDSTER_ASSIGN(const backend::Options libraries, options_from_json(request.value("vendor_library", Json()), kWho));
  options.vendor_library.insert(libraries.begin(), libraries.end());
  options.log = [log = log_to_stderr()](int level, std::string_view message) {
    log.write(static_cast<LogLevel>(level), message);
  };

  const double begin = now_seconds();
  SPEEDSTER_ASSIGN(Learner learner, Learner::load(package, options));
  std::unique_ptr<Loaded> loaded(new Loaded(std::move(learner)));
  SPEEDSTER_TRY(loaded->need_callers(1));
  *seconds = now_seconds() - begin;

  if (const std::string samples = text(request, "samples"); !samples.empty()) {
    SPEEDSTER_ASSIGN(loaded->store_, samples::SampleStore::open(samples));
    const std::vector<std::string>& names = loaded->store_->input_names();
    for (const auto& input : loaded->learner_.inputs()) {
      const auto found = std::find(names.begin(), names.end(), input.name);
      if (found == names.end())
        return Error(ErrorKind::kBadInput, "[serve] expected samples of the input \"" + input.name + "\", got none");
      loaded->order_.push_back(static_cast<std::size_t>(found - names.begin()));
    }
  }
  return loaded;
}

Result<const Inputs*> Loaded::sample(std::size_t index) {
  if (index >= sample_count())
    return Error(ErrorKind::kUsage, "[serve] expected a sample below " + std::to_string(sample_count()) + ", got " +
                                        std::to_string(index));
  std::unique_ptr<Inputs>& copy = copies_[index];
  if (copy == nullptr) {
    SPEEDSTER_ASSIGN(const std::vector<TensorView> views, store_->sample(index));
    std::vector<Tensor> tensors;
    for (const std::size_t place : order_) {
      const TensorView& view = views[place];
      Tensor& tensor = tensors.emplace_back(view.dtype, Shape(view.shape.begin(), view.shape.end()));
      if (tensor.bytes() > 0) std::memcpy(tensor.data(), view.data, tensor.bytes());
    }
    store_->forget(index);
    copy = std::make_unique<Inputs>(std::move(tensors));
  }
  return copy.get();
}

void Loaded::forget(std::size_t index) { copies_.erase(index); }

Result<std::vector<const Inputs*>> Loaded::only(const std::vector<std::size_t>& indices) {
  if (indices.empty()) return Error(ErrorKind::kUsage, "[serve] expected at least one sample, got none");
  std::erase_if(copies_, [&](const auto& entry) {
    return std::find(indices.begin(), indices.end(), entry.first) == indices.end();
  });
  std::vector<const Inputs*> chosen;
  for (const std::size_t index : indices) {
    SPEEDSTER_ASSIGN(chosen.emplace_back(), sample(index));
  }
  return chosen;
}

Result<std::unique_ptr<Inputs>> Loaded::reshaped(std::size_t index, const Json& shapes) {
  SPEEDSTER_ASSIGN(const Inputs* sample, this->sample(index));
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < sample->tensors().size(); ++i) {
    const std::string& name = learner_.inputs()[i].name;
    Shape shape = sample->tensors()[i].shape();
    if (const auto wanted = shapes.find(name); wanted != shapes.end()) {
      shape.clear();
      for (const Json& size : *wanted) {
        if (!size.is_number_integer()) return Error(ErrorKind::kUsage, "[serve] expected a shape for " + name);
        shape.push_back(size.get<std::int64_t>());
      }
    }
    SPEEDSTER_ASSIGN(tensors.emplace_back(), samples::resample(sample->tensors()[i].view(), shape, name));
  }
  forget(index);
  return std::make_unique<Inputs>(std::move(tensors));
}

Result<CallInputs> Loaded::mixed(const std::vector<std::size_t>& indices, const Json& mix) {
  constexpr std::size_t kInputs = 16;  // of all shapes together
  if (indices.empty() || !mix.is_array() || mix.empty())
    return Error(ErrorKind::kUsage, "[serve] expected a mix of shapes and samples to make them from, got none");
  Json source = {{"indices", indices}, {"mix", mix}};
  if (source == mixed_of_) return mixed_;
  CallInputs made;
  std::vector<std::unique_ptr<Inputs>> memory;
  const std::size_t each = std::max<std::size_t>(kInputs / mix.size(), 1);
  for (std::size_t s = 0; s < mix.size(); ++s) {
    SPEEDSTER_ASSIGN(const Json* shapes, json_object(mix[s], "shapes", kWho));
    SPEEDSTER_ASSIGN(made.shares.emplace_back(), json_number(mix[s], "share", kWho));
    for (std::size_t k = 0; k < each; ++k) {
      SPEEDSTER_ASSIGN(memory.emplace_back(), reshaped(indices[(k * mix.size() + s) % indices.size()], *shapes));
      made.samples.push_back(memory.back().get());
      made.shape_of.push_back(s);
    }
  }
  mixed_ = std::move(made);
  mixed_memory_ = std::move(memory);
  mixed_of_ = std::move(source);
  return mixed_;
}

Result<void> Loaded::need_callers(std::size_t count) {
  while (callers_.size() < count) {
    SPEEDSTER_ASSIGN(Context context, learner_.context());
    callers_.push_back(
        std::make_unique<Caller>(std::move(context), static_cast<std::uint32_t>(learner_.outputs().size())));
  }
  return {};
}

Json signature_json(const Learner& learner) {
  auto specs = [](const auto& infos) {
    std::vector<TensorSpec> list;
    for (const auto& tensor : infos) {
      TensorSpec spec;
      spec.name = tensor.name;
      spec.dtype = tensor.dtype;
      spec.unknown_rank = tensor.unknown_rank;
      for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
        Axis axis;
        axis.value = tensor.shape[i];
        axis.name = tensor.axes[i];
        spec.axes.push_back(std::move(axis));
      }
      list.push_back(std::move(spec));
    }
    return list;
  };
  return to_json(Signature{specs(learner.inputs()), specs(learner.outputs())});
}

Result<std::vector<std::size_t>> read_indices(const Json& request, const char* key) {
  SPEEDSTER_ASSIGN(const Json* list, json_array(request, key, kWho));
  std::vector<std::size_t> indices;
  for (const Json& index : *list) {
    if (!index.is_number_unsigned())
      return Error(ErrorKind::kUsage, std::string("[serve] expected sample numbers under ") + key);
    indices.push_back(index.get<std::size_t>());
  }
  return indices;
}

}  // namespace speedster::worker
