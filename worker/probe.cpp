#include <cstdio>
#include <string_view>

#include "job/reply.h"
#include "worker/modes.h"
#include "worker/probe.h"
#include "worker/vendor.h"

namespace speedster::worker {

Result<Json> probe(const std::string& name) {
  Result<backend::OpenedVendor> opened = open_backend(name);
  if (opened) {
    Json answer = opened->probe;
    answer["library"] = opened->library.path.string();
    answer["source"] = opened->library.source;
    // What a session may set.
    const backend::Plugin& plugin = opened->instance.plugin();
    backend::Options all;
    const Json described = plugin.description().value("options", Json::object());
    for (const auto& [key, about] : described.items()) all[key];
    SPEEDSTER_ASSIGN(const backend::Options load, backend::options_of_scope(plugin, all, "load"));
    answer["load_options"] = Json::array();
    for (const auto& [key, value] : load)
      if (!backend::caller_only(plugin, key)) answer["load_options"].push_back(key);  // a package must not choose those
    return answer;
  }
  // A vendor that is not there is what a probe finds out, no failure of it; a plug-in that is not there is.
  const ErrorKind kind = opened.error().kind();
  SPEEDSTER_TRY(backend::find_plugin(name));
  if (kind != ErrorKind::kNotFound && kind != ErrorKind::kVersion && kind != ErrorKind::kUnsupported)
    return std::move(opened).error();
  // A message ends with what to try (error.h).
  constexpr std::string_view kTry = "; try ";
  const std::string message = opened.error().full_message();
  const std::size_t end = message.rfind(kTry);
  return Json{{"usable", false},
              {"reason", message.substr(0, end)},
              {"remedy", end == std::string::npos ? "" : message.substr(end + kTry.size())}};
}

int probe_mode(const std::string& backend) {
  const Result<Json> answer = probe(backend);
  std::printf("%s\n", to_text(answer ? *answer : job::to_reply(answer.error()), 2).c_str());
  return answer ? 0 : 1;
}

}  // namespace speedster::worker
