#include "search/workshop.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace speedster::search {
namespace {

bool only_compiles(const Candidate& candidate) {
  return std::ranges::all_of(candidate.recipe.steps,
                             [](const compiler::StepSpec& step) { return step.step == "rewrite"; });
}

}  // namespace

Workshop::Workshop(Session& session, std::vector<Candidate>& candidates, int workers)
    : session_(session), candidates_(candidates) {
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (!candidates[i].out) waiting_.push_back(i);
  // What only has to be compiled comes first, so that checking has something to do while the others take their time.
  // Where the time is bounded the plan's order stands: what is promising is to be checked, and nothing else.
  if (!session.total.limited())
    std::ranges::stable_partition(waiting_, [&](std::size_t i) { return only_compiles(candidates[i]); });
  unfinished_ = waiting_.size();  // before any thread counts it down
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
}

Workshop::~Workshop() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
  }
  for (std::thread& thread : threads_) thread.join();
}

std::optional<std::size_t> Workshop::next(bool& waiting) {
  std::unique_lock lock(mutex_);
  waiting = false;
  if (ready_.empty() && unfinished_ > 0) {
    changed_.wait_for(lock, std::chrono::milliseconds(100));
    waiting = ready_.empty() && unfinished_ > 0;
  }
  if (ready_.empty()) return std::nullopt;
  return ready_.extract(ready_.begin()).value();
}

int Workshop::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

std::optional<Error> Workshop::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

/// An exception must not leave the thread: it would end the user's process.
Result<void> Workshop::make(Candidate& candidate) const {
  if (session_.stopping()) {
    retire(candidate, CandidateFate::kNotTried, session_.cancel.cancelled() ? "cancelled" : "time");
    return {};
  }
  try {
    return prepare(session_, candidate);
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::kOutOfMemory, "[search] expected memory to make " + candidate.recipe.name + ", got none");
  } catch (const std::exception& error) {
    return Error(ErrorKind::kInternal, "[search] expected to make " + candidate.recipe.name + ", got: " + error.what());
  }
}

void Workshop::work() {
  while (true) {
    std::size_t index = 0;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      index = waiting_.front();
      waiting_.pop_front();
      ++running_;
    }
    Result<void> made = make(candidates_[index]);
    const std::lock_guard lock(mutex_);
    --running_;
    --unfinished_;
    if (!made.ok()) {
      error_ = std::move(made).error();
      unfinished_ -= waiting_.size();
      waiting_.clear();
    }
    ready_.insert(index);
    changed_.notify_all();
  }
}

}  // namespace speedster::search
