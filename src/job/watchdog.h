/// The watchdog's side of the supervisor: a subreaper that spawns, watches and ends children for one parent process.
/// Single-threaded, so that a child's parent-death signal can only mean the death of this process.
#pragma once
#include <sys/resource.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "job/datagram.h"
#include "job/processes.h"
#include "job/supervisor.h"

namespace speedster::job {

class Watchdog {
 public:
  /// `socket`: to the parent, owned. `token`: marks the environment of every child.
  Watchdog(int socket, pid_t parent, std::string token);
  /// Serves until the parent closes the socket or ends; then ends every descendant. Returns the exit code.
  int run();

 private:
  struct Member {
    int id = 0;
    pid_t pid = 0;
    Limits limits;
    UniqueFd log;
    std::string output;            ///< where its stdout goes, if not to the log
    std::vector<int> processors;   ///< what it is confined to
    std::vector<pid_t> processes;  ///< of the last scan, itself among them
    double started = 0, paused_since = 0, paused_seconds = 0;
    bool watched = true, paused = false, pausing = false, stopped = false;
    std::uint64_t peak_bytes = 0, oom_kills_before = 0;
    std::string reason;  ///< why we ended it: "timeout" "memory" "output" or the parent's word
  };
  using Members = std::map<int, Member>;

  Result<void> prepare();
  void receive();
  void spawn(const Json& request, std::vector<UniqueFd> descriptors);
  Result<pid_t> launch(const Json& request, const Member& member, const std::vector<UniqueFd>& descriptors) const;
  std::vector<int> least_used_processors(int count) const;
  void pause(Member& member);
  void resume(Member& member);
  static void end(Member& member, std::string_view reason);

  void reap();
  void leader_ended(Members::iterator position, int status, const rusage& usage);
  void check_pauses();
  void check_limits(double now);
  void check_memory(Member& member);
  /// Assigns every descendant to the member that it belongs to; returns those that belong to none that lives.
  std::vector<pid_t> assign(const std::vector<Process>& processes);
  /// Ends what dead members left behind; waits for it a moment.
  void sweep();
  void end_everything() const;

  void send(Json event);
  void flush();
  int poll_timeout(double now) const;
  Member* find(const Json& request);
  Members::iterator by_pid(pid_t pid);

  UniqueFd socket_, signals_, parent_handle_;
  pid_t parent_, self_;
  std::string token_, executable_;
  std::vector<std::filesystem::path> scratch_;  ///< removed at the end
  std::vector<int> processors_;
  Members members_;
  std::deque<Json> outbox_;
  double next_check_ = 0;
  unsigned ticks_ = 0;
  bool sweeping_ = false, closed_ = false;
};

}  // namespace speedster::job
