/// The parent's side of one watchdog: starts it, sends it requests, and tells the children's records what it reports.
#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "job/datagram.h"
#include "job/supervisor.h"

namespace speedster::job {

/// What is known of one child; written by the link's thread, read by the caller's.
struct Record {
  int id = 0;
  std::uint64_t memory_limit_bytes = 0;
  UniqueFd log;  ///< open for reading, whatever becomes of its name

  std::mutex mutex;
  std::condition_variable changed;
  int pid = 0;
  bool paused = false, ended = false;
  std::optional<Error> failure;  ///< it never started
  Exit exit;                     ///< once ended

  /// Waits for `done` (called under the mutex) in slices, so that a cancel is seen soon; false if it did not come.
  template <typename Done>
  bool wait_for(const Deadline& deadline, const CancelToken& cancel, Done done) {
    std::unique_lock lock(mutex);
    while (!done()) {
      if (deadline.passed() || cancel.cancelled()) return false;
      changed.wait_for(lock, std::chrono::duration<double>(std::min(deadline.left(), kSlice)));
    }
    return true;
  }
  static constexpr double kSlice = 0.05;
};

class Link {
 public:
  static Result<std::shared_ptr<Link>> start(const std::filesystem::path& worker, const Log& log);
  /// Closes the socket, upon which the watchdog ends every child, and waits for it.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Makes a record and asks for the child; `body` is completed with its id.
  Result<std::shared_ptr<Record>> spawn(Json body, const Limits& limits, UniqueFd log,
                                        std::span<const int> descriptors);
  Result<void> send(const Json& body, std::span<const int> descriptors = {});
  /// The watchdog is there.
  bool alive() const;
  int pid() const { return pid_; }

 private:
  Link() = default;
  Result<void> launch(const std::filesystem::path& worker, UniqueFd other_end);
  void listen(const Log& log);
  void report(const Json& event);
  void watchdog_gone(const Log& log);
  void reap_watchdog() const;
  std::shared_ptr<Record> take(int id);
  std::shared_ptr<Record> find(int id) const;

  UniqueFd socket_;
  int pid_ = 0;
  std::string token_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, std::shared_ptr<Record>> records_;
  int next_id_ = 1;
  bool closing_ = false, gone_ = false;
  std::string version_;  ///< of the watchdog, once it said so
  std::thread thread_;
};

/// PATH, HOME, LANG=C.UTF-8, TMPDIR, LD_LIBRARY_PATH, XDG_* and SPEEDSTER_* of this process, the limits' thread counts,
/// and what the command adds.
std::vector<std::string> child_environment(const Limits& limits, const std::map<std::string, std::string>& added);

}  // namespace speedster::job
