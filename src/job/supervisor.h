/// Vendor code runs in children only. A watchdog process (a subreaper, `speedster-worker watchdog`) spawns them, holds a pipe
/// from this process, and ends every descendant when the pipe closes (ARCHITECTURE.md, fixed 4).
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
  double wall_seconds = 0;
  std::uint64_t memory_bytes = 0;   ///< RLIMIT_DATA, and resident size watched while nothing is timed
  int threads = 0;                  ///< told to the step (environment), and affinity where smaller than the cores
};

/// How a child ended.
enum class Fate { kOk, kExit, kSignal, kTimeout, kOutOfMemory, kCancelled };
struct Exit {
  Fate fate = Fate::kOk;
  int code = 0;                     ///< exit code or signal number
  std::uint64_t peak_rss_bytes = 0;
  double wall_seconds = 0, cpu_seconds = 0;
  std::string log_tail;             ///< last 4 KiB of what it wrote
};
/// "crashed: SIGSEGV", "ran out of memory (2.1 GB; limit 2.0 GB)", "timed out after 30 s", "exited with code 3".
std::string describe(const Exit& exit);
/// The Error of that fate (crashed, timeout, out of memory, …), prefixed "[who]".
Error to_error(const Exit& exit, std::string_view who);

struct Command {
  std::vector<std::string> argv;                 ///< absolute executable first
  std::map<std::string, std::string> environment; ///< added to a small clean environment
  std::filesystem::path directory;               ///< working directory; also where log.txt goes
  Limits limits;
  std::vector<int> descriptors;                  ///< given to the child as 5, 6, …; caller keeps its own
};

/// A running child. Destroying it kills its whole process group and reaps it.
class Child {
 public:
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();
  int pid() const;
  bool running() const;
  /// Sends one JSON line (descriptor 3 of the child) and waits for one (descriptor 4). Progress lines
  /// ({"progress": …}) go to `progress`. If the child ends or the deadline passes, the Error of its fate.
  Result<Json> call(const Json& request, const Deadline& deadline, const CancelToken& cancel,
                    const std::function<void(const Json&)>& progress = {});
  /// SIGSTOP to the group, returns once it is seen stopped.
  Result<void> pause();
  Result<void> resume();
  /// Waits for the end; kills at the deadline (fate timeout) or cancel.
  Exit wait(const Deadline& deadline, const CancelToken& cancel);
  void kill();
  /// Watches resident size (default on); off while the child is being timed.
  void watch_memory(bool on);
  double cpu_seconds() const;

 private:
  friend class Supervisor;
  struct State;
  std::shared_ptr<State> state_;
};

/// One per search. Its thread talks to the watchdog and outlives all children.
class Supervisor {
 public:
  /// `worker`: path of speedster-worker.
  static Result<std::unique_ptr<Supervisor>> start(const std::filesystem::path& worker, Log log);
  ~Supervisor();
  Result<Child> spawn(const Command& command);
  const std::filesystem::path& worker() const;

 private:
  Supervisor();
  struct State;
  std::unique_ptr<State> state_;
};

/// The worker's executable: SPEEDSTER_WORKER, else beside this library or executable (bin, libexec/speedster).
Result<std::filesystem::path> find_worker();

/// The watchdog's side, run by `speedster-worker watchdog`. Returns the exit code.
int watchdog_main(int socket);

}  // namespace speedster::job
