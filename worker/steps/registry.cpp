#include "worker/steps/step.h"

namespace speedster::worker {

std::span<const Step> steps() {
  static constexpr Step kSteps[] = {
      {"calibrate", calibrate_step},
      {"compile", compile_step},
      {"convert-half", convert_half_step},
      {"migrate-scales", migrate_scales_step},
      {"pack", pack_step},
      {"quantize-dynamic", quantize_dynamic_step},
      {"quantize-static", quantize_static_step},
      {"quantize-weights", quantize_weights_step},
      {"rewrite", rewrite_step},
      {"sensitivity", sensitivity_step},
  };
  return kSteps;
}

Result<fs::path> StepContext::input(const std::string& name) const {
  const auto found = inputs.find(name);
  if (found == inputs.end())
    return Error(ErrorKind::kUsage, "[" + step + "] expected an input named " + name + ", got none");
  return found->second;
}

std::string StepContext::text(const char* key, const std::string& fallback) const {
  const auto found = options.find(key);
  return found != options.end() && found->is_string() ? found->get<std::string>() : fallback;
}

double StepContext::number(const char* key, double fallback) const {
  const auto found = options.find(key);
  return found != options.end() && found->is_number() ? found->get<double>() : fallback;
}

bool StepContext::flag(const char* key, bool fallback) const {
  const auto found = options.find(key);
  return found != options.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

std::vector<std::string> StepContext::texts(const char* key) const {
  std::vector<std::string> list;
  const auto found = options.find(key);
  if (found == options.end() || !found->is_array()) return list;
  for (const Json& item : *found)
    if (item.is_string()) list.push_back(item.get<std::string>());
  return list;
}

}  // namespace speedster::worker
