#include "job/watchdog.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <speedster/version.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "job/wire.h"

namespace speedster::job {
namespace {

constexpr double kWatchedTick = 0.05, kIdleTick = 0.2, kPauseTick = 0.002, kSweepTick = 0.02;
/// Scanning /proc costs milliseconds on a large machine; between scans the processes known are looked at.
constexpr unsigned kTicksPerScan = 4;
constexpr double kSweepSeconds = 0.2, kFarewellSeconds = 10;
/// A vendor that prints in a loop must not fill the disk.
constexpr off_t kMaxLogBytes = off_t{256} << 20U;

void sleep_seconds(double seconds) {
  timespec time{};
  time.tv_nsec = static_cast<long>(seconds * 1e9);
  ::nanosleep(&time, nullptr);
}

}  // namespace

Watchdog::Watchdog(int socket, pid_t parent, std::string token)
    : socket_(socket), parent_(parent), self_(::getpid()), token_(std::move(token)) {}

Result<void> Watchdog::prepare() {
  auto failed = [](std::string_view what) { return errno_error(errno, "watchdog", what, "this process"); };
  ::setsid();  // Ctrl-C belongs to the parent, which tells us what to end; no error if we lead a session already
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return failed("to adopt orphans");
  for (const int ignored : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(ignored, SIG_IGN);
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &child_signal, nullptr) != 0) return failed("to block SIGCHLD");
  signals_ = UniqueFd(::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return failed("a signal descriptor");
  // The parent's end of the socket may live on in a process that the parent forked; its own end may not.
  // Without pidfd (Linux before 5.3) the socket alone tells.
  parent_handle_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, parent_, 0)));
  if (::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0)
    return failed("a socket to the parent");

  std::error_code error;
  executable_ = fs::read_symlink("/proc/self/exe", error).string();
  if (error || ::access(executable_.c_str(), X_OK) != 0) executable_ = "/proc/self/exe";  // replaced meanwhile
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(static_cast<std::size_t>(i), &set)) processors_.push_back(i);
  return {};
}

int Watchdog::run() {
  if (const Result<void> ready = prepare(); !ready) {
    std::fprintf(stderr, "%s\n", ready.error().message().c_str());
    return 1;
  }
  send({{"event", "ready"}, {"version", SPEEDSTER_VERSION_STRING}});
  if (::getppid() != parent_) closed_ = true;
  while (!closed_) {
    pollfd watched[] = {{socket_.get(), static_cast<short>(outbox_.empty() ? POLLIN : POLLIN | POLLOUT), 0},
                        {signals_.get(), POLLIN, 0},
                        {parent_handle_.get(), POLLIN, 0}};
    if (::poll(watched, 3, poll_timeout(now_seconds())) < 0 && errno != EINTR) break;
    if (watched[2].revents != 0) break;  // the parent has ended
    if (watched[0].revents != 0) receive();
    signalfd_siginfo drained;
    while (::read(signals_.get(), &drained, sizeof drained) > 0) {
    }
    reap();
    check_pauses();
    if (const double now = now_seconds(); now >= next_check_) check_limits(now);
    if (sweeping_) sweep();
    flush();
  }
  end_everything();
  std::error_code ignored;
  for (const fs::path& folder : scratch_) fs::remove_all(folder, ignored);
  return 0;
}

int Watchdog::poll_timeout(double now) const {
  double seconds = members_.empty() ? 1e9 : std::max(next_check_ - now, 0.0);
  for (const auto& [id, member] : members_)
    if (member.pausing) seconds = std::min(seconds, kPauseTick);
  if (sweeping_) seconds = std::min(seconds, kSweepTick);
  return seconds > 1e6 ? -1 : static_cast<int>(std::ceil(seconds * 1e3));
}

void Watchdog::receive() {
  Result<std::optional<Datagram>> received = receive_datagram(socket_.get());
  if (!received || !received->has_value()) {
    closed_ = true;
    return;
  }
  Datagram& datagram = **received;
  const std::string operation = datagram.body.value("op", "");
  if (operation == "spawn") {
    spawn(datagram.body, std::move(datagram.descriptors));
    return;
  }
  if (operation == "remove at end") {
    if (fs::path folder = datagram.body.value("folder", ""); folder.is_absolute())
      scratch_.push_back(std::move(folder));
    return;
  }
  Member* member = find(datagram.body);
  if (member == nullptr) return;  // ended meanwhile: its report is under way
  if (operation == "pause") pause(*member);
  if (operation == "resume") resume(*member);
  if (operation == "kill") end(*member, datagram.body.value("reason", "kill"));
  if (operation == "watch") {
    member->watched = datagram.body.value("on", true);
    next_check_ = 0;
  }
}

Watchdog::Member* Watchdog::find(const Json& request) {
  const auto found = members_.find(request.value("id", 0));
  return found == members_.end() ? nullptr : &found->second;
}

Watchdog::Members::iterator Watchdog::by_pid(pid_t pid) {
  return std::ranges::find_if(members_, [pid](const auto& entry) { return entry.second.pid == pid; });
}

void Watchdog::pause(Member& member) {
  if (member.paused) {
    send({{"event", "paused"}, {"id", member.id}});
    return;
  }
  member.pausing = true;
  member.paused_since = now_seconds();
  ::kill(-member.pid, SIGSTOP);
}

void Watchdog::resume(Member& member) {
  if (!member.paused && !member.pausing) return;
  member.paused_seconds += now_seconds() - member.paused_since;
  member.paused = member.pausing = member.stopped = false;
  next_check_ = 0;
  ::kill(-member.pid, SIGCONT);
  for (const pid_t process : member.processes) ::kill(process, SIGCONT);  // those that left the group
}

void Watchdog::end(Member& member, std::string_view reason) {
  if (member.reason.empty()) member.reason = reason;
  ::kill(-member.pid, SIGKILL);
}

void Watchdog::reap() {
  while (true) {
    siginfo_t info{};
    // First a look: while the leader is a zombie, its process id and group cannot be anybody else's.
    if (::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const auto member = by_pid(info.si_pid);
    const bool stopped = info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED;
    if (!stopped && member != members_.end()) ::kill(-info.si_pid, SIGKILL);
    int status = 0;
    rusage usage{};
    if (::wait4(info.si_pid, &status, WNOHANG | WUNTRACED, &usage) != info.si_pid) continue;
    if (member == members_.end()) continue;  // an adopted orphan
    if (WIFSTOPPED(status))
      member->second.stopped = true;
    else
      leader_ended(member, status, usage);
  }
}

void Watchdog::leader_ended(Members::iterator position, int status, const rusage& usage) {
  Member member = std::move(position->second);
  members_.erase(position);
  sweep();
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  const double now = now_seconds();
  if (member.paused || member.pausing) member.paused_seconds += now - member.paused_since;
  send({{"event", "ended"},
        {"id", member.id},
        {"signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0},
        {"code", WIFEXITED(status) ? WEXITSTATUS(status) : 0},
        {"reason", member.reason},
        {"peak", std::max(member.peak_bytes, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024)},
        {"wall", now - member.started - member.paused_seconds},
        {"cpu", seconds(usage.ru_utime) + seconds(usage.ru_stime)},
        {"oom", oom_kills() != member.oom_kills_before}});
}

void Watchdog::check_pauses() {
  const bool seen =
      std::ranges::any_of(members_, [](const auto& entry) { return entry.second.pausing && entry.second.stopped; });
  if (!seen) return;
  const std::vector<Process> processes = read_processes();
  assign(processes);
  for (auto& [id, member] : members_) {
    if (!member.pausing || !member.stopped) continue;
    bool all = true;
    for (const Process& process : processes) {
      if (std::ranges::find(member.processes, process.pid) == member.processes.end()) continue;
      if (std::string_view("TtZX").find(process.state) != std::string_view::npos) continue;
      ::kill(process.pid, SIGSTOP);
      all = false;
    }
    if (!all) continue;
    member.pausing = false;
    member.paused = true;
    check_memory(member);  // while it is timed nobody looks: between two blocks somebody has to
    send({{"event", "paused"}, {"id", id}});
  }
}

void Watchdog::check_limits(double now) {
  const bool watching = std::ranges::any_of(members_, [](const auto& entry) {
    return entry.second.watched && !entry.second.paused && entry.second.limits.memory_bytes > 0;
  });
  next_check_ = now + (watching ? kWatchedTick : kIdleTick);
  if (watching && ticks_++ % kTicksPerScan == 0) assign(read_processes());
  for (auto& [id, member] : members_) {
    if (member.paused || member.pausing) continue;
    const Limits& limits = member.limits;
    struct stat written{};
    if (::fstat(member.log.get(), &written) == 0 && written.st_size > kMaxLogBytes) end(member, "output");
    if (!member.output.empty() && ::stat(member.output.c_str(), &written) == 0 && written.st_size > kMaxLogBytes)
      end(member, "output");
    if (limits.wall_seconds > 0) {
      const double left = limits.wall_seconds - (now - member.started - member.paused_seconds);
      if (left <= 0)
        end(member, "timeout");
      else
        next_check_ = std::min(next_check_, now + left);
    }
    if (member.watched) check_memory(member);
  }
}

void Watchdog::check_memory(Member& member) {
  if (member.limits.memory_bytes == 0) return;
  std::uint64_t total = 0;
  for (const pid_t process : member.processes) total += unreclaimable_bytes(process);
  member.peak_bytes = std::max(member.peak_bytes, total);
  if (total > member.limits.memory_bytes) end(member, "memory");
}

std::vector<pid_t> Watchdog::assign(const std::vector<Process>& processes) {
  for (auto& [id, member] : members_) member.processes.clear();
  std::vector<pid_t> strays;
  for (const Process& process : processes) {
    const pid_t top = branch(processes, self_, process);
    if (top == 0) continue;
    auto owner = by_pid(top);
    // An orphan that we adopted: its group tells, or, if it left that, the mark that it was started with.
    if (owner == members_.end()) owner = by_pid(process.group);
    if (owner == members_.end()) {
      const std::string mark = start_environment(process.pid, kMarkVariable);
      if (mark.starts_with(token_ + "-"))
        owner = members_.find(parse_number<int>(std::string_view(mark).substr(token_.size() + 1)).value_or(0));
    }
    if (owner != members_.end())
      owner->second.processes.push_back(process.pid);
    else if (process.state != 'Z')
      strays.push_back(process.pid);
  }
  return strays;
}

void Watchdog::sweep() {
  const double end = now_seconds() + kSweepSeconds;
  do {
    const std::vector<pid_t> strays = assign(read_processes());
    sweeping_ = !strays.empty();
    if (!sweeping_) return;
    for (const pid_t stray : strays) ::kill(stray, SIGKILL);
    sleep_seconds(0.001);
  } while (now_seconds() < end);
}

void Watchdog::end_everything() const {
  const double end = now_seconds() + kFarewellSeconds;  // only a process stuck in the kernel lives that long
  while (now_seconds() < end) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const std::vector<Process> processes = read_processes();
    bool any = false;
    for (const Process& process : processes) {
      if (branch(processes, self_, process) == 0) continue;
      any = true;
      ::kill(process.pid, SIGKILL);
    }
    if (!any) return;
    sleep_seconds(0.001);
  }
}

void Watchdog::send(Json event) {
  outbox_.push_back(std::move(event));
  flush();
}

void Watchdog::flush() {
  while (!outbox_.empty()) {
    const Result<void> sent = send_datagram(socket_.get(), outbox_.front());
    if (!sent && sent.error().kind() == ErrorKind::kTimeout) return;  // the parent is stopped; it will read later
    outbox_.pop_front();
  }
}

int watchdog_main(int socket, int parent_pid, const std::string& token) {
  return Watchdog(socket, parent_pid, token).run();
}

}  // namespace speedster::job
