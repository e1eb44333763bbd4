#include "measure/block_policy.h"

#include <algorithm>
#include <cmath>

namespace speedster::measure {
namespace {

// A call this long reaches the steady state by itself.
constexpr double kVerySlow = 0.25;
constexpr int kVerySlowCalls = 3;
constexpr int kMostBlocksPerLoad = 4;

Cost planned(const Policy& policy, const Cost& cost) {
  return {block_seconds(policy.block, cost.call_seconds), cost.load_seconds};
}

}  // namespace

BlockSpec plan_block(const BlockSpec& spec, double call_seconds) {
  BlockSpec planned = spec;
  const double pace = std::max(call_seconds, spec.interval_seconds);
  if (pace * spec.slow_calls >= spec.seconds) planned.calls = std::min(spec.calls, spec.slow_calls);
  if (pace >= kVerySlow) {
    planned.warm_calls = std::min(planned.warm_calls, 1);
    planned.calls = std::min(planned.calls, kVerySlowCalls);
  }
  planned.slow_calls = std::min(planned.slow_calls, planned.calls);
  if (spec.mix) {
    planned.calls = std::max(planned.calls, static_cast<int>(spec.mix->size()));
    planned.slow_calls = std::max(planned.slow_calls, static_cast<int>(spec.mix->size()));
  }
  return planned;
}

double block_seconds(const BlockSpec& spec, double call_seconds) {
  const double pace = std::max(call_seconds, spec.interval_seconds);
  const BlockSpec planned = plan_block(spec, call_seconds);
  return std::max(planned.warm_calls * call_seconds, planned.warm_seconds + call_seconds / 2) +
         std::max(planned.calls * pace, planned.seconds + pace / 2);
}

int best_blocks_per_load(const Policy& policy, double load_seconds, double one_block_seconds) {
  if (policy.blocks_per_load > 0) return policy.blocks_per_load;
  if (load_seconds <= 0 || one_block_seconds <= 0) return 1;
  const double best = std::sqrt(load_seconds / one_block_seconds) * policy.block_sd / policy.load_sd;
  return std::clamp(static_cast<int>(std::lround(best)), 1, kMostBlocksPerLoad);
}

double expected_race_seconds(const Policy& policy, const Cost& original, const std::vector<Cost>& entrants) {
  const Cost self = planned(policy, original);
  double fastest = original.call_seconds, total = 2 * (self.load_seconds + self.call_seconds);
  for (const Cost& entrant : entrants) fastest = std::min(fastest, entrant.call_seconds);
  const int more_rounds = policy.looks.size() > 1 ? policy.looks[1] - policy.looks[0] : 0;
  double later_round = 2 * self.call_seconds;
  for (const Cost& entrant : entrants) {
    const Cost one = planned(policy, entrant);
    total += one.load_seconds + one.call_seconds;
    if (entrant.call_seconds <= policy.drop_factor * fastest) later_round += one.call_seconds;
  }
  return total + more_rounds * later_round;
}

double expected_confirm_seconds(const Policy& policy, const Cost& original, const std::vector<Cost>& finalists,
                                int loads) {
  double load = original.load_seconds, block = planned(policy, original).call_seconds;
  for (const Cost& finalist : finalists) {
    load += finalist.load_seconds;
    block += planned(policy, finalist).call_seconds;
  }
  const int blocks = loads < policy.min_loads ? 1 : best_blocks_per_load(policy, load, block);
  return loads * (load + blocks * block);
}

double expected_seconds(const Policy& policy, const Cost& original, const std::vector<Cost>& entrants) {
  std::vector<Cost> fastest = entrants;
  std::ranges::sort(fastest, {}, &Cost::call_seconds);
  fastest.resize(std::min<std::size_t>(fastest.size(), static_cast<std::size_t>(policy.finalists)));
  return expected_race_seconds(policy, original, entrants) +
         expected_confirm_seconds(policy, original, fastest, policy.min_loads);
}

}  // namespace speedster::measure
