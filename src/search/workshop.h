/// Makes candidates on other threads while the caller checks those that are ready.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "search/session.h"

namespace speedster::search {

class Workshop {
 public:
  Workshop(Session& session, std::vector<Candidate>& candidates, int workers);
  ~Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  /// The first in the plan's order that is made (or failed to be), or nothing when all are done. Waits at most 100 ms
  /// at a time so that the caller can report progress; `waiting` is true when it came back for that.
  std::optional<std::size_t> next(bool& waiting);
  int running() const;
  /// What ends the search: no space, a cancelled job.
  std::optional<Error> error() const;

 private:
  void work();
  Result<void> make(Candidate& candidate) const;

  Session& session_;
  std::vector<Candidate>& candidates_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::size_t> waiting_;
  std::set<std::size_t> ready_;
  std::size_t unfinished_ = 0;
  int running_ = 0;
  std::optional<Error> error_;
  std::vector<std::thread> threads_;
};

}  // namespace speedster::search
