#include "job/link.h"

#include <pthread.h>
#include <speedster/version.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <random>

#include "base/text.h"
#include "job/processes.h"
#include "job/spawn.h"
#include "job/wire.h"

namespace speedster::job {
namespace {

constexpr double kStartSeconds = 30, kEndSeconds = 12;
constexpr std::size_t kLogTail = 4096;

std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += "0123456789abcdef"[device() % 16];
  return std::to_string(::getpid()) + "." + std::to_string(Clock::now().time_since_epoch().count()) + "." + token;
}

std::string log_tail(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return {};
  std::string tail(kLogTail, '\0');
  const off_t from = std::max<off_t>(0, status.st_size - static_cast<off_t>(kLogTail));
  const ssize_t got = ::pread(fd, tail.data(), tail.size(), from);
  tail.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return tail;
}

/// The end of every process that carries the token, where no watchdog is left to do it.
void end_marked(const std::string& token) {
  const Deadline deadline = Deadline::in(2);
  while (!deadline.passed()) {
    bool any = false;
    for (const Process& process : read_processes()) {
      if (process.state == 'Z' || process.pid == ::getpid()) continue;
      if (!start_environment(process.pid, kMarkVariable).starts_with(token + "-")) continue;
      any = true;
      ::kill(process.pid, SIGKILL);
    }
    if (!any) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

std::vector<std::string> child_environment(const Limits& limits, const std::map<std::string, std::string>& added) {
  std::map<std::string, std::string> variables = {{"LANG", "C.UTF-8"}};
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, equals);
    const bool kept = name == "PATH" || name == "HOME" || name == "TMPDIR" || name == "LD_LIBRARY_PATH" ||
                      name.starts_with("XDG_") || name.starts_with("SPEEDSTER_");
    if (kept) variables[std::string(name)] = text.substr(equals + 1);
  }
  if (limits.threads > 0)
    for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SPEEDSTER_THREADS"})
      variables[name] = std::to_string(limits.threads);
  for (const auto& [name, value] : added) variables[name] = value;
  variables.erase(kMarkVariable);  // the watchdog sets its own
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) lines.push_back(name + "=" + value);
  return lines;
}

Result<std::shared_ptr<Link>> Link::start(const std::filesystem::path& worker, const Log& log) {
  std::shared_ptr<Link> link(new Link());
  link->token_ = random_token();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return errno_error(errno, "job", "a socket for the watchdog", worker);
  link->socket_ = UniqueFd(ends[0]);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  SPEEDSTER_TRY(link->launch(worker, UniqueFd(ends[1])));

  link->thread_ = std::thread([self = link.get(), log] { self->listen(log); });
  std::unique_lock lock(link->mutex_);
  const bool said = link->changed_.wait_for(lock, std::chrono::duration<double>(kStartSeconds),
                                            [&] { return link->gone_ || !link->version_.empty(); });
  const std::string version = link->version_;
  lock.unlock();
  if (!said || version.empty())
    return Error(ErrorKind::kCrashed, "[job] expected " + worker.string() +
                                          " to start as the watchdog, got no answer; "
                                          "try `" +
                                          worker.string() + " --version`");
  if (version != SPEEDSTER_VERSION_STRING)
    return Error(ErrorKind::kVersion, "[job] expected a worker of version " SPEEDSTER_VERSION_STRING ", got " +
                                          version + " at " + worker.string() + "; try to install both anew");
  return link;
}

Result<void> Link::launch(const std::filesystem::path& worker, UniqueFd other_end) {
  const UniqueFd safe(::fcntl(other_end.get(), F_DUPFD_CLOEXEC, kSafeDescriptor));
  if (!safe.valid()) return errno_error(errno, "job", "a descriptor for the watchdog", worker);
  SpawnActions actions;
  actions.open(0, "/dev/null", O_RDONLY);
  actions.open(1, "/dev/null", O_WRONLY);
  actions.open(2, "/dev/null", O_WRONLY);  // a pipe of this process must not stay open when it was killed
  actions.move(safe.get(), 3);
  actions.close_from(4);  // what this process did not mark close-on-exec is not for children
  const SpawnAttributes attributes(SpawnAttributes::Leads::kSession);
  const std::vector<std::string> words = {worker.string(), "watchdog", std::to_string(::getpid()), token_};
  const std::vector<std::string> variables = child_environment({}, {});
  const int error = ::posix_spawn(&pid_, worker.c_str(), actions.get(), attributes.get(), word_pointers(words).data(),
                                  word_pointers(variables).data());
  if (error != 0) return errno_error(error, "job", "the worker's executable", worker);
  return {};
}

Link::~Link() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  if (socket_.valid()) ::shutdown(socket_.get(), SHUT_RDWR);
  if (thread_.joinable())
    thread_.join();
  else
    reap_watchdog();
}

bool Link::alive() const {
  const std::lock_guard lock(mutex_);
  return !gone_;
}

Result<void> Link::send(const Json& body, std::span<const int> descriptors) {
  return send_datagram(socket_.get(), body, descriptors);
}

Result<std::shared_ptr<Record>> Link::spawn(Json body, const Limits& limits, UniqueFd log,
                                            std::span<const int> descriptors) {
  auto record = std::make_shared<Record>();
  record->memory_limit_bytes = limits.memory_bytes;
  record->log = std::move(log);
  {
    const std::lock_guard lock(mutex_);
    if (gone_) return Error(ErrorKind::kCrashed, "[job] expected a watchdog, got one that has ended");
    record->id = next_id_++;
    records_[record->id] = record;
  }
  body["id"] = record->id;
  if (Result<void> sent = send(body, descriptors); !sent) {
    take(record->id);
    return std::move(sent).error();
  }
  const bool answered = record->wait_for(Deadline::in(kStartSeconds), CancelToken(),
                                         [&] { return record->pid != 0 || record->failure || record->ended; });
  {
    const std::lock_guard lock(record->mutex);
    if (record->failure) return *record->failure;
    if (answered && record->pid != 0) return record;
  }
  // It may start yet: then it finds this behind what told it to.
  take(record->id);
  (void)send({{"op", "kill"}, {"id", record->id}, {"reason", "kill"}}, {});
  return Error(ErrorKind::kCrashed, "[job] expected the watchdog to start a child, got no answer");
}

std::shared_ptr<Record> Link::find(int id) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : found->second;
}

std::shared_ptr<Record> Link::take(int id) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end()) return nullptr;
  std::shared_ptr<Record> record = std::move(found->second);
  records_.erase(found);
  return record;
}

void Link::listen(const Log& log) {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for the application's own threads
  while (true) {
    const Result<std::optional<Datagram>> received = receive_datagram(socket_.get());
    if (!received || !received->has_value()) break;
    report((*received)->body);
  }
  watchdog_gone(log);
}

void Link::report(const Json& event) {
  const std::string what = event.value("event", "");
  if (what == "ready") {
    const std::lock_guard lock(mutex_);
    version_ = event.value("version", "");
    changed_.notify_all();
    return;
  }
  const int id = event.value("id", 0);
  const bool last = what == "ended" || what == "failed";
  const std::shared_ptr<Record> record = last ? take(id) : find(id);
  if (record == nullptr) return;
  const std::lock_guard lock(record->mutex);
  if (what == "spawned") record->pid = event.value("pid", 0);
  if (what == "paused") record->paused = true;
  if (what == "failed")
    record->failure = Error(static_cast<ErrorKind>(event.value("kind", static_cast<int>(ErrorKind::kInternal))),
                            event.value("message", ""));
  if (what == "ended") {
    record->exit = exit_of(event, record->memory_limit_bytes, log_tail(record->log.get()));
    record->ended = true;
  }
  record->changed.notify_all();
}

void Link::reap_watchdog() const {
  const Deadline deadline = Deadline::in(kEndSeconds);
  while (pid_ > 0) {
    // ECHILD: the application ignores SIGCHLD or has taken the status itself; the watchdog is gone either way.
    const pid_t got = ::waitpid(pid_, nullptr, WNOHANG);
    if (got == pid_ || (got < 0 && errno != EINTR)) return;
    if (deadline.passed()) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Link::watchdog_gone(const Log& log) {
  reap_watchdog();
  std::map<int, std::shared_ptr<Record>> orphans;
  bool expected = false;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    expected = closing_;
    orphans.swap(records_);
    changed_.notify_all();
  }
  if (!expected) {
    log.warning("[job] expected the watchdog to live, got its end; its children are ended with it");
    end_marked(token_);
  }
  for (const auto& [id, record] : orphans) {
    const std::lock_guard lock(record->mutex);
    record->exit.fate = expected ? Fate::kCancelled : Fate::kSignal;
    record->exit.code = SIGKILL;
    record->exit.log_tail = log_tail(record->log.get());
    record->ended = true;
    record->changed.notify_all();
  }
}

}  // namespace speedster::job
