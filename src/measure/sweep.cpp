#include "measure/sweep.h"

#include <algorithm>

#include "measure/fresh_loads.h"

namespace speedster::measure {
namespace {

/// The policy's block with a number of callers of its own.
class Crowd final : public Runner {
 public:
  Crowd(std::unique_ptr<Runner> runner, int concurrency) : runner_(std::move(runner)), concurrency_(concurrency) {}
  Result<Block> block(const BlockSpec& spec) override {
    BlockSpec own = spec;
    own.concurrency = concurrency_;
    return runner_->block(own);
  }

 private:
  std::unique_ptr<Runner> runner_;
  int concurrency_;
};

Load crowded(const SweepEntrant& entrant) {
  return [&entrant]() -> Result<Loaded> {
    SPEEDSTER_ASSIGN(Loaded loaded, entrant.load());
    if (loaded.runner != nullptr)
      loaded.runner = std::make_unique<Crowd>(std::move(loaded.runner), entrant.concurrency);
    return loaded;
  };
}

}  // namespace

Result<SweepTimes> sweep(const std::vector<SweepEntrant>& entrants, int loads, const Policy& policy,
                         const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel) {
  Rounds rounds(policy, foreign, deadline, cancel);
  FreshLoads fresh(policy, rounds);
  std::vector<Load> how;
  for (const SweepEntrant& entrant : entrants) how.push_back(crowded(entrant));
  std::vector<Timed> timed(entrants.size());
  std::vector<Timed*> all;
  for (std::size_t i = 0; i < entrants.size(); ++i) {
    timed[i].load = &how[i];
    timed[i].seat.name = entrants[i].name;
    all.push_back(&timed[i]);
  }
  const auto running = [&] { return std::ranges::any_of(timed, [](const Timed& one) { return !one.seat.error; }); };
  SweepTimes times;
  Ended ended = Ended::kNot;
  while (fresh.complete() < loads && ended == Ended::kNot && running()) ended = fresh.round(all);
  if (ended == Ended::kCancelled) return Error(ErrorKind::kCancelled, "[bench] cancelled");
  if (fresh.complete() == 0)
    return Error(ErrorKind::kTimeout, "[bench] expected time for a load of each of " + std::to_string(entrants.size()) +
                                          " points, got less; try a larger time budget or fewer points");
  for (Timed& one : timed) {
    SweepRow& row = times.rows.emplace_back();
    row.error = std::move(one.seat.error);
    if (row.error) continue;
    row.seconds = seconds_interval(one.logs, fresh.expected_value());
    row.calls = std::move(one.calls);
  }
  times.loads = fresh.complete();
  times.dropped_rounds = rounds.dropped();
  times.busy = rounds.busy();
  times.cut = ended == Ended::kOutOfTime;
  return times;
}

}  // namespace speedster::measure
