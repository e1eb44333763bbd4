#include "search/availability.h"

#include "backend/plugin.h"
#include "toolchain/toolchain.h"

namespace speedster::search {
namespace {

constexpr double kProbeSeconds = 60;

compiler::Availability probe_one(job::Supervisor& supervisor, const std::string& name,
                                 const std::filesystem::path& work, const Deadline& deadline,
                                 const CancelToken& cancel) {
  job::Command command;
  command.argv = {supervisor.worker().string(), "serve"};
  command.directory = work / ("probe-" + name);
  command.limits.wall_seconds = kProbeSeconds;
  if (auto made = make_directories(command.directory); !made.ok()) return {false, made.error().full_message(), {}};
  auto child = supervisor.spawn(command);
  if (!child.ok()) return {false, child.error().full_message(), {}};
  auto reply = child->call(Json{{"op", "probe"}, {"backend", name}}, deadline.sooner(kProbeSeconds), cancel);
  if (!reply.ok()) return {false, reply.error().full_message(), {}};
  if (!reply->value("ok", false))
    return {false, reply->value("error", Json::object()).value("message", std::string("the probe failed")), {}};
  const Json probe = reply->value("probe", Json::object());
  compiler::Availability availability;
  availability.usable = probe.value("usable", false);
  availability.version = probe.value("version", std::string());
  availability.reason = probe.value("reason", std::string());
  if (const auto options = json_strings(probe, "load_options", "probe"); options.ok())
    availability.options.insert(options->begin(), options->end());
  const std::string remedy = probe.value("remedy", std::string());
  if (!availability.usable && !remedy.empty()) availability.reason += "; try " + remedy;
  return availability;
}

}  // namespace

std::map<std::string, compiler::Availability> probe_backends(job::Supervisor& supervisor,
                                                             const std::filesystem::path& work,
                                                             const Deadline& deadline, const CancelToken& cancel) {
  std::map<std::string, compiler::Availability> found;
  for (const std::string& name : backend::list_plugins())
    found[name] = probe_one(supervisor, name, work, deadline, cancel);
  return found;
}

std::map<std::string, compiler::Availability> probe_toolchains() {
  std::map<std::string, compiler::Availability> found;
  for (const toolchain::Row& row : toolchain::list()) {
    compiler::Availability availability;
    availability.usable = row.installed && row.problem.empty();
    availability.reason = row.problem;
    const auto version = row.packages.find(row.name);
    if (version != row.packages.end()) availability.version = version->second;
    found[row.name] = std::move(availability);
  }
  return found;
}

}  // namespace speedster::search
