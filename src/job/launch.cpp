#include <fcntl.h>

#include <algorithm>

#include "base/text.h"
#include "job/exec.h"
#include "job/spawn.h"
#include "job/watchdog.h"
#include "job/wire.h"

namespace speedster::job {
Json to_json(const Limits& limits) {
  return {{"wall_seconds", limits.wall_seconds},
          {"memory_bytes", limits.memory_bytes},
          {"threads", limits.threads},
          {"confine", limits.confine},
          {"nice", limits.nice}};
}

Limits limits_from_json(const Json& json) {
  Limits limits;
  if (!json.is_object()) return limits;
  limits.wall_seconds = json.value("wall_seconds", 0.0);
  limits.memory_bytes = json.value("memory_bytes", std::uint64_t{0});
  limits.threads = json.value("threads", 0);
  limits.confine = json.value("confine", false);
  limits.nice = json.value("nice", 0);
  return limits;
}

std::vector<int> Watchdog::least_used_processors(int count) const {
  if (count <= 0 || static_cast<std::size_t>(count) >= processors_.size()) return {};
  std::vector<std::pair<int, int>> users;  // how many are confined to it, the processor
  for (const int processor : processors_) {
    int confined = 0;
    for (const auto& [id, member] : members_)
      confined += static_cast<int>(std::count(member.processors.begin(), member.processors.end(), processor));
    users.emplace_back(confined, processor);
  }
  std::sort(users.begin(), users.end());
  std::vector<int> chosen;
  for (int i = 0; i < count; ++i) chosen.push_back(users[static_cast<std::size_t>(i)].second);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void Watchdog::spawn(const Json& request, std::vector<UniqueFd> descriptors) {
  Member member;
  member.id = request.value("id", 0);
  member.limits = limits_from_json(request.value("limits", Json::object()));
  member.output = request.value("output", "");
  if (member.limits.confine) member.processors = least_used_processors(member.limits.threads);
  member.oom_kills_before = oom_kills();
  member.started = now_seconds();
  const Result<pid_t> pid = launch(request, member, descriptors);
  if (!pid)
    return send({{"event", "failed"},
                 {"id", member.id},
                 {"kind", static_cast<int>(pid.error().kind())},
                 {"message", pid.error().message()}});
  member.pid = *pid;
  member.processes = {*pid};
  member.log = std::move(descriptors[2]);
  send({{"event", "spawned"}, {"id", member.id}, {"pid", *pid}});
  members_.emplace(member.id, std::move(member));
  next_check_ = 0;
}

Result<pid_t> Watchdog::launch(const Json& request, const Member& member,
                               const std::vector<UniqueFd>& descriptors) const {
  const Json argv = request.value("argv", Json::array()), environment = request.value("environment", Json::array());
  if (descriptors.size() < 3 || argv.empty())
    return Error(ErrorKind::kInternal, "[watchdog] expected a program and three descriptors");

  SpawnActions actions;
  std::vector<UniqueFd> moved;
  const std::string directory = request.value("directory", "/");
  actions.open(0, "/dev/null", O_RDONLY);
  auto place = [&](const UniqueFd& from, std::initializer_list<int> targets) {
    moved.emplace_back(::fcntl(from.get(), F_DUPFD_CLOEXEC, kSafeDescriptor));
    for (const int target : targets) actions.move(moved.back().get(), target);
    return moved.back().valid();
  };
  bool placed = place(descriptors[0], {kRequestDescriptor}) && place(descriptors[1], {kReplyDescriptor}) &&
                place(descriptors[2], {1, 2});
  for (std::size_t i = 3; i < descriptors.size(); ++i)
    placed = placed && place(descriptors[i], {kFirstExtraDescriptor + static_cast<int>(i) - 3});
  if (!placed) return errno_error(errno, "watchdog", "descriptors for a child", directory);
  actions.change_directory(directory.c_str());

  // The child holds itself to its limits before it becomes the program: posix_spawn cannot.
  std::vector<std::string> words = {executable_, "exec"};
  for (std::string& word : limit_arguments(member.limits, self_, member.processors, /*wall=*/false))
    words.push_back(std::move(word));
  if (!member.output.empty()) words.push_back("--stdout=" + member.output);
  words.emplace_back("--");
  for (const Json& word : argv) words.push_back(word.get<std::string>());
  std::vector<std::string> variables;
  for (const Json& variable : environment) variables.push_back(variable.get<std::string>());
  variables.push_back(std::string(kMarkVariable) + "=" + token_ + "-" + std::to_string(member.id));

  const SpawnAttributes attributes(SpawnAttributes::Leads::kGroup);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, executable_.c_str(), actions.get(), attributes.get(),
                                  word_pointers(words).data(), word_pointers(variables).data());
  if (error != 0) return errno_error(error, "watchdog", "a child in " + directory + " from", executable_);
  return pid;
}

}  // namespace speedster::job
