#include "job/supervisor.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "job/child.h"
#include "job/wire.h"

namespace speedster::job {
namespace {

/// The file that this code is in: the executable, or a shared library that the executable loaded.
std::filesystem::path own_file() {
  Dl_info info{};
  std::error_code error;
  if (::dladdr(reinterpret_cast<const void*>(&find_worker), &info) != 0 && info.dli_fname != nullptr) {
    std::filesystem::path path = std::filesystem::canonical(info.dli_fname, error);
    // An executable may be named by a bare word; then /proc knows better.
    if (!error && std::filesystem::is_regular_file(path, error)) return path;
  }
  return std::filesystem::read_symlink("/proc/self/exe", error);
}

}  // namespace

Result<std::filesystem::path> find_worker() {
  constexpr std::string_view kName = "speedster-worker";
  auto usable = [](const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
  };
  if (const std::string setting = environment("SPEEDSTER_WORKER"); !setting.empty()) {
    if (usable(setting)) return std::filesystem::absolute(setting);
    return Error(ErrorKind::kNotFound, "[job] expected an executable under SPEEDSTER_WORKER, got " + setting);
  }
  const std::filesystem::path here = own_file().parent_path();
  for (const char* folder : {".", "../bin", "../libexec/speedster", "../../bin", "../../libexec/speedster"}) {
    std::filesystem::path candidate = (here / folder / kName).lexically_normal();
    if (usable(candidate)) return candidate;
  }
  return Error(ErrorKind::kNotFound, "[job] expected " + std::string(kName) + " beside " + here.string() +
                                         ", got nothing; try to set SPEEDSTER_WORKER to its path");
}

struct Supervisor::State {
  std::filesystem::path worker;
  Log log;
  std::mutex mutex;
  std::shared_ptr<Link> link;
  std::vector<std::filesystem::path> scratch;

  static Json remove_request(const std::filesystem::path& folder) {
    return {{"op", "remove at end"}, {"folder", folder.string()}};
  }

  Result<std::shared_ptr<Link>> current() {
    const std::lock_guard lock(mutex);
    if (link == nullptr || !link->alive()) {
      SPEEDSTER_ASSIGN(link, Link::start(worker, log));
      for (const std::filesystem::path& folder : scratch) SPEEDSTER_TRY(link->send(remove_request(folder)));
    }
    return link;
  }
};

Supervisor::Supervisor() : state_(std::make_unique<State>()) {}
Supervisor::~Supervisor() = default;
const std::filesystem::path& Supervisor::worker() const { return state_->worker; }

Result<void> Supervisor::remove_at_end(const std::filesystem::path& folder) {
  SPEEDSTER_ASSIGN(const std::shared_ptr<Link> link, state_->current());
  const std::lock_guard lock(state_->mutex);
  state_->scratch.push_back(std::filesystem::absolute(folder));
  return link->send(State::remove_request(state_->scratch.back()));
}

int Supervisor::watchdog_pid() const {
  const std::lock_guard lock(state_->mutex);
  return state_->link == nullptr ? 0 : state_->link->pid();
}

Result<std::unique_ptr<Supervisor>> Supervisor::start(const std::filesystem::path& worker, Log log) {
  std::unique_ptr<Supervisor> supervisor(new Supervisor());
  supervisor->state_->worker = std::filesystem::absolute(worker);
  supervisor->state_->log = std::move(log);
  SPEEDSTER_TRY(supervisor->state_->current());
  return supervisor;
}

Result<Child> Supervisor::spawn(const Command& command) {
  const std::string executable = command.argv.empty() ? "" : command.argv.front();
  const std::string name = command.name.empty() ? std::filesystem::path(executable).filename().string() : command.name;
  if (executable.empty() || executable.front() != '/')
    return Error(ErrorKind::kUsage,
                 "[" + name + "] expected an absolute path of an executable, got \"" + executable + "\"");
  if (command.directory.empty())
    return Error(ErrorKind::kUsage, "[" + name + "] expected a working directory, got none");
  if (command.descriptors.size() > kMaxExtraDescriptors)
    return Error(ErrorKind::kUsage, "[" + name + "] expected at most " + std::to_string(kMaxExtraDescriptors) +
                                        " descriptors, got " + std::to_string(command.descriptors.size()));
  for (const std::string& word : command.argv)
    if (word.find('\0') != std::string::npos)
      return Error(ErrorKind::kUsage, "[" + name + "] expected words without a zero byte");
  SPEEDSTER_ASSIGN(const std::shared_ptr<Link> link, state_->current());

  const std::filesystem::path log_path = command.log.empty() ? command.directory / "log.txt" : command.log;
  UniqueFd log(::open(log_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!log.valid()) return errno_error(errno, name, "a writable log", log_path);
  std::array<int, 2> requests{}, replies{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests.data()) != 0)
    return errno_error(errno, name, "descriptors for a child", executable);
  UniqueFd request_end(requests[0]), child_requests(requests[1]);
  if (::pipe2(replies.data(), O_CLOEXEC) != 0) return errno_error(errno, name, "descriptors for a child", executable);
  UniqueFd reply_end(replies[0]), child_replies(replies[1]);

  std::vector<int> descriptors = {child_requests.get(), child_replies.get(), log.get()};
  descriptors.insert(descriptors.end(), command.descriptors.begin(), command.descriptors.end());
  const std::string directory = std::filesystem::absolute(command.directory).string();
  // What it leaves behind when it is killed goes with its folder.
  std::map<std::string, std::string> added = command.environment;
  added.try_emplace("TMPDIR", directory);
  const Json body = {{"op", "spawn"},
                     {"argv", command.argv},
                     {"environment", child_environment(command.limits, added)},
                     {"directory", directory},
                     {"output", command.output.empty() ? "" : std::filesystem::absolute(command.output).string()},
                     {"limits", to_json(command.limits)}};
  SPEEDSTER_ASSIGN(std::shared_ptr<Record> record, link->spawn(body, command.limits, std::move(log), descriptors));
  return Child(std::make_shared<Child::State>(name, std::move(record), link,
                                              Channel(std::move(request_end), std::move(reply_end))));
}

}  // namespace speedster::job
