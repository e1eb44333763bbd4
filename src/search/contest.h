/// The timed stages: race, confirmation and the choice, over the session's candidates.
#pragma once
#include <vector>

#include "search/session.h"

namespace speedster::search {

/// What the timed stages decided.
struct Contest {
  bool baseline_is_defaults = false;   ///< the vendor's own defaults are the faster original
  std::vector<std::size_t> finalists;  ///< candidates that were confirmed, fastest estimate first
  std::optional<std::size_t> priced;   ///< the fastest candidate that the budget excludes, confirmed beside them
  measure::RaceResult race;
  std::optional<measure::Confirmation> confirmation;
  bool raced = false;  ///< false: all contenders are finalists, in no measured order
  std::string note;    ///< for the report, where something was left out
};

/// Races `contenders` (and, apart, `excluded` for their price). Fills race_latency and the fates of those that leave.
/// Ends early enough for a least confirmation before `confirm_end`.
Result<Contest> race_stage(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, const std::vector<std::size_t>& contenders,
                           const std::vector<std::size_t>& excluded, const Deadline& confirm_end);

/// The same without a leader that broke the budget while it was judged: with another race, or, where no more are left
/// than are confirmed anyway, as `earlier` timed them.
Result<Contest> race_again(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, const std::vector<std::size_t>& contenders,
                           const std::vector<std::size_t>& excluded, const Deadline& confirm_end, Contest earlier);

/// p90 and p99 of a finalist that takes the winner's place; where there is no time they stay unknown.
void add_tail_of(Session& session, std::vector<Candidate>& candidates, const Contest& contest, std::size_t index);

/// Confirms the finalists of the race against the faster original. Fills latency, speed-up, load time and memory of
/// each.
Result<void> confirm_stage(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, Contest& contest);

}  // namespace speedster::search
