#include "search/availability.h"

#include <algorithm>

#include "backend/plugin.h"
#include "hardware/cpu.h"
#include "job/failures.h"
#include "toolchain/toolchain.h"

namespace speedster::search {
namespace {

constexpr double kProbeSeconds = 60;

std::vector<std::string> texts(const Json& json, const char* key) {
  Result<std::vector<std::string>> found = json_strings(json, key, "probe");
  return found ? *std::move(found) : std::vector<std::string>{};
}

std::string text(const Json& json, const char* key) {
  Result<std::string> found = json_string(json, key, "probe");
  return found ? *std::move(found) : std::string();
}

/// What its child did not survive is kept like any other failure.
std::string keep(const job::Command& command, const std::string& name, const Json& request, const Error& error) {
  job::ServeFailure failure{command.directory, {}, {}, {request}, error, command.limits, {}, {}, {}};
  failure.vendor.emplace().backend = name;
  const auto kept = job::keep_failure(failure);
  return kept.ok() ? kept->string() : std::string();
}

Result<Json> ask(job::Supervisor& supervisor, const std::string& name, const std::filesystem::path& work,
                 const job::Limits& limits, const Deadline& deadline, const CancelToken& cancel, std::string& failure) {
  job::Command command;
  command.argv = {supervisor.worker().string(), "serve"};
  command.directory = work / ("probe-" + name);
  command.name = "probe/" + name;
  const double own = limits.wall_seconds > 0 ? std::min(kProbeSeconds, limits.wall_seconds) : kProbeSeconds;
  command.limits.wall_seconds = std::min(own, deadline.left() / 8);
  command.limits.memory_bytes = limits.memory_bytes > 0 ? limits.memory_bytes : hardware::available_memory() / 5 * 4;
  SPEEDSTER_TRY(make_directories(command.directory));
  SPEEDSTER_ASSIGN(job::Child child, supervisor.spawn(command));
  const Json request = {{"op", "probe"}, {"backend", name}};
  const Result<Json> reply = child.call(request, deadline.sooner(command.limits.wall_seconds), cancel);
  if (!reply) {
    // The end of the search's own time is no failure of the vendor's.
    const bool ours = reply.error().kind() == ErrorKind::kTimeout && command.limits.wall_seconds < own;
    if (!cancel.cancelled() && !ours) failure = keep(command, name, request, reply.error());
    return reply.error();
  }
  SPEEDSTER_ASSIGN(const Json* probe, json_object(*reply, "probe", "probe"));
  return *probe;
}

}  // namespace

std::vector<BackendState> probe_backends(job::Supervisor& supervisor, const std::filesystem::path& work,
                                         const job::Limits& limits, const Deadline& deadline,
                                         const CancelToken& cancel) {
  std::vector<BackendState> found;
  for (const std::string& name : backend::list_plugins()) {
    if (cancel.cancelled()) break;
    BackendState& state = found.emplace_back();
    state.name = name;
    const Result<Json> probe = ask(supervisor, name, work, limits, deadline, cancel, state.failure);
    if (!probe) {
      state.reason = probe.error().full_message();
      if (toolchain::find_recipe(name).ok()) state.remedy = "speedster toolchain install " + name + " --force";
      continue;
    }
    const Result<bool> usable = json_bool(*probe, "usable", "probe");
    state.usable = usable && *usable;
    state.version = text(*probe, "version");
    state.library = text(*probe, "library");
    state.source = text(*probe, "source");
    state.reason = text(*probe, "reason");
    state.remedy = text(*probe, "remedy");
    state.precisions = texts(*probe, "precisions");
    state.devices = texts(*probe, "devices");
    state.load_options = texts(*probe, "load_options");
  }
  return found;
}

Json to_json(const BackendState& s) {
  return {{"name", s.name},       {"usable", s.usable},        {"version", s.version},      {"library", s.library},
          {"source", s.source},   {"reason", s.reason},        {"remedy", s.remedy},        {"failure", s.failure},
          {"devices", s.devices}, {"options", s.load_options}, {"precisions", s.precisions}};
}

compiler::Availability availability_of(const BackendState& state) {
  compiler::Availability availability;
  availability.usable = state.usable;
  availability.version = state.version;
  availability.reason = state.reason;
  if (!state.usable && !state.remedy.empty()) availability.reason += "; try " + state.remedy;
  availability.options.insert(state.load_options.begin(), state.load_options.end());
  return availability;
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
