#include "measure/fresh_loads.h"
#include "measure/race.h"

namespace speedster::measure {

Result<Comparison> compare(const Load& first, const Load& second, const Policy& policy, const ForeignShare& foreign,
                           const Deadline& deadline, const CancelToken& cancel) {
  Rounds rounds(policy, foreign, deadline, cancel);
  FreshLoads loads(policy, rounds);
  Timed one, other;
  one.load = &first;
  one.seat.name = "the first";
  other.load = &second;
  other.seat.name = "the second";
  Ended ended = Ended::kNot;
  while (loads.complete() < policy.compare_loads && ended == Ended::kNot) {
    ended = loads.round({&one, &other});
    for (Timed* side : {&one, &other})
      if (side->seat.error)
        return std::move(*side->seat.error).wrap("[bench] expected " + side->seat.name + " to run, got a failure");
  }
  if (ended == Ended::kCancelled) return Error(ErrorKind::kCancelled, "[bench] cancelled");
  if (loads.complete() < 2)
    return Error(ErrorKind::kTimeout,
                 "[bench] expected time for two loads of both sides, got less; try a larger time budget");
  Comparison comparison;
  comparison.speedup = ratio_interval(other.logs, one.logs, loads.expected_difference());
  comparison.first_seconds = seconds_interval(one.logs, loads.expected_value());
  comparison.second_seconds = seconds_interval(other.logs, loads.expected_value());
  comparison.first_calls = std::move(one.calls);
  comparison.second_calls = std::move(other.calls);
  comparison.loads = loads.complete();
  comparison.dropped_rounds = rounds.dropped();
  comparison.busy = rounds.busy();
  return comparison;
}

}  // namespace speedster::measure
