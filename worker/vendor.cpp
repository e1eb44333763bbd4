#include "worker/vendor.h"

#include <cstdio>

namespace speedster::worker {

Log log_to_stderr() {
  return Log([](LogLevel level, std::string_view text) {
    constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
    std::fprintf(stderr, "%s: %.*s\n", kNames[static_cast<int>(level)], static_cast<int>(text.size()), text.data());
  });
}

Result<backend::OpenedVendor> open_backend(const std::string& name, const backend::Options& options) {
  SPEEDSTER_ASSIGN(backend::Plugin found, backend::find_plugin(name));
  const auto plugin = std::make_shared<const backend::Plugin>(std::move(found));
  SPEEDSTER_ASSIGN(const backend::Options open_options, backend::options_of_scope(*plugin, options, "open"));
  return backend::open_vendor(plugin, {}, open_options, log_to_stderr());
}

Result<backend::Options> options_from_json(const Json& json, std::string_view who) {
  backend::Options options;
  if (json.is_null()) return options;
  if (!json.is_object()) return Error(ErrorKind::kUsage, "[" + std::string(who) + "] expected options as an object");
  for (const auto& [key, value] : json.items()) {
    if (value.is_string())
      options[key] = value.get<std::string>();
    else if (value.is_boolean())
      options[key] = value.get<bool>() ? "1" : "0";
    else if (value.is_number())
      options[key] = value.dump();
    else
      return Error(ErrorKind::kUsage, "[" + std::string(who) + "] expected a text or number as the option " + key);
  }
  return options;
}

}  // namespace speedster::worker
