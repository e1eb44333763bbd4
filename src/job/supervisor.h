/// Vendor code runs in children only. A watchdog process (a subreaper, `speedster-worker watchdog`) spawns them, holds
/// a socket to this process, and ends every descendant when that closes (docs/design/worker.md).
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"

namespace speedster::job {

/// What a child may use. 0 = no limit.
struct Limits {
  double wall_seconds = 0;         ///< while it may run: time spent paused does not count
  std::uint64_t memory_bytes = 0;  ///< RLIMIT_DATA, and the group's resident size watched while nothing is timed
  int threads = 0;                 ///< told to the step (OMP_NUM_THREADS, SPEEDSTER_THREADS)
  bool confine = false;            ///< also give it `threads` processors of its own (affinity), the least used ones
  int nice = 0;                    ///< 0 to 19, for work that must not slow others
};

/// How a child ended.
enum class Fate { kOk, kExit, kSignal, kTimeout, kOutOfMemory, kCancelled };
struct Exit {
  Fate fate = Fate::kOk;
  int code = 0;  ///< exit code or signal number
  std::uint64_t peak_rss_bytes = 0;
  double wall_seconds = 0, cpu_seconds = 0;
  std::uint64_t memory_limit_bytes = 0;  ///< what it was held to
  std::string log_tail;                  ///< last 4 KiB of what it wrote
};
/// "crashed: SIGSEGV", "ran out of memory (2.1 GB; limit 2.0 GB)", "timed out after 30 s", "exited with code 3".
std::string describe(const Exit& exit);
/// The Error of that fate (crashed, timeout, out of memory, …), prefixed "[who]".
Error to_error(const Exit& exit, std::string_view who);

/// What a child is. It starts with the descriptors, group, limits and environment of docs/design/worker.md.
struct Command {
  std::vector<std::string> argv;                   ///< absolute executable first
  std::map<std::string, std::string> environment;  ///< added to a small clean environment
  std::filesystem::path directory;                 ///< working directory, which must exist
  std::filesystem::path log;                       ///< what it prints, overwritten; empty = directory / "log.txt"
  std::filesystem::path output;                    ///< what it writes to stdout alone; empty = that goes to the log
  Limits limits;
  std::vector<int> descriptors;  ///< given to the child as 5, 6, …, at most 16; the caller keeps its own
  std::string name;              ///< who it is in messages; empty = the executable's file name
};

/// A running child. Destroying it kills it with all its descendants and reaps it. Used from one thread at a time.
class Child {
 public:
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();
  int pid() const;
  bool running() const;
  /// Sends one JSON line (descriptor 3 of the child) and waits for one (descriptor 4). Progress lines
  /// ({"progress": …}) go to `progress`. A reply with "ok": false becomes the Error that it carries. If the child
  /// ends, the Error of its fate; at the deadline, at cancel, and for a reply that is no JSON object it is killed.
  Result<Json> call(const Json& request, const Deadline& deadline, const CancelToken& cancel,
                    const std::function<void(const Json&)>& progress = {});
  /// SIGSTOP to the group, returns once all of it is seen stopped (at most some seconds).
  Result<void> pause();
  Result<void> resume();
  /// Waits for the end; kills at the deadline (fate timeout) or cancel. JSON objects that it says on descriptor 4 on
  /// the way, progress and others, go to `progress`.
  Exit wait(const Deadline& deadline, const CancelToken& cancel, const std::function<void(const Json&)>& progress = {});
  void kill();
  /// Watches resident size (default on); off while the child is being timed.
  void watch_memory(bool on);
  /// CPU time of the child itself so far, nanosecond clock.
  double cpu_seconds() const;

 private:
  friend class Supervisor;
  struct State;
  explicit Child(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// One per search; used from any threads. Its own thread listens to the watchdog. If the watchdog itself is killed, the
/// children die with it and the next spawn starts another.
class Supervisor {
 public:
  /// `worker`: path of speedster-worker.
  static Result<std::unique_ptr<Supervisor>> start(const std::filesystem::path& worker, Log log);
  /// Ends every child with its descendants, and the watchdog.
  ~Supervisor();
  Result<Child> spawn(const Command& command);
  /// The folder, if it is still there, is removed with all that is in it when this process ends, even if it is killed.
  Result<void> remove_at_end(const std::filesystem::path& folder);
  int watchdog_pid() const;
  const std::filesystem::path& worker() const;

 private:
  Supervisor();
  struct State;
  std::unique_ptr<State> state_;
};

/// The worker's executable: SPEEDSTER_WORKER, else beside this library or executable (bin, libexec/speedster).
Result<std::filesystem::path> find_worker();

/// The watchdog's side, run by `speedster-worker watchdog PARENT-PID TOKEN`. Returns the exit code.
int watchdog_main(int socket, int parent_pid, const std::string& token);

}  // namespace speedster::job
