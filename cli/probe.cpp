#include "cli/probe.h"

#include "backend/plugin.h"
#include "base/files.h"

namespace speedster::cli {
namespace {

constexpr double kProbeSeconds = 60;

std::vector<std::string> texts(const Json& json, const char* key) {
  Result<std::vector<std::string>> found = json_strings(json, key, "doctor");
  return found ? *std::move(found) : std::vector<std::string>{};
}

std::string text(const Json& json, const char* key) {
  Result<std::string> found = json_string(json, key, "doctor");
  return found ? *std::move(found) : std::string();
}

Result<Json> ask(job::Supervisor& supervisor, const std::string& name, const fs::path& directory,
                 const CancelToken& cancel) {
  job::Command command;
  command.argv = {supervisor.worker().string(), "serve"};
  command.directory = directory;
  command.name = "probe/" + name;
  command.limits.wall_seconds = kProbeSeconds;
  SPEEDSTER_TRY(make_directories(command.directory));
  SPEEDSTER_ASSIGN(job::Child child, supervisor.spawn(command));
  SPEEDSTER_ASSIGN(const Json reply,
                   child.call(Json{{"op", "probe"}, {"backend", name}}, Deadline::in(kProbeSeconds), cancel));
  SPEEDSTER_ASSIGN(const Json* probe, json_object(reply, "probe", "doctor"));
  return *probe;
}

BackendState state_of(const std::string& name, const Result<Json>& probe) {
  BackendState state;
  state.name = name;
  if (!probe) {
    state.reason = probe.error().full_message();
    return state;
  }
  const Result<bool> usable = json_bool(*probe, "usable", "doctor");
  state.usable = usable && *usable;
  state.version = text(*probe, "version");
  state.library = text(*probe, "library");
  state.source = text(*probe, "source");
  state.reason = text(*probe, "reason");
  state.remedy = text(*probe, "remedy");
  state.precisions = texts(*probe, "precisions");
  state.devices = texts(*probe, "devices");
  return state;
}

}  // namespace

std::vector<BackendState> probe_backends(const CancelToken& cancel) {
  std::vector<BackendState> states;
  const auto start = []() -> Result<std::unique_ptr<job::Supervisor>> {
    SPEEDSTER_ASSIGN(const fs::path worker, job::find_worker());
    return job::Supervisor::start(worker, {});
  };
  const Result<std::unique_ptr<job::Supervisor>> supervisor = start();
  const Result<TempDir> work = TempDir::create("speedster-doctor");
  for (const std::string& name : backend::list_plugins()) {
    if (cancel.cancelled()) break;
    if (!supervisor)
      states.push_back(state_of(name, supervisor.error()));
    else if (!work)
      states.push_back(state_of(name, work.error()));
    else
      states.push_back(state_of(name, ask(**supervisor, name, work->path() / name, cancel)));
  }
  return states;
}

Json to_json(const BackendState& s) {
  return {{"name", s.name},       {"usable", s.usable},         {"version", s.version},
          {"library", s.library}, {"source", s.source},         {"reason", s.reason},
          {"remedy", s.remedy},   {"precisions", s.precisions}, {"devices", s.devices}};
}

}  // namespace speedster::cli
