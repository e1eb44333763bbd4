#include "worker/steps/vendor.h"

namespace speedster::worker {

Result<backend::OpenedVendor> open_backend(const std::string& name, const StepContext& context) {
  SPEEDSTER_ASSIGN(backend::Plugin plugin, backend::find_plugin(name));
  return backend::open_vendor(std::make_shared<const backend::Plugin>(std::move(plugin)), {}, {}, context.log);
}

Result<backend::Options> options_from(const Json& object, const char* who) {
  backend::Options options;
  if (!object.is_object()) return Error(ErrorKind::kUsage, std::string("[") + who + "] expected an object of options");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string())
      return Error(ErrorKind::kUsage, std::string("[") + who + "] expected text for option " + key + ", got " + value.type_name());
    options[key] = value.get<std::string>();
  }
  return options;
}

}  // namespace speedster::worker
