/// What the race and the confirmation share: candidates as the measuring procedure sees them.
#pragma once
#include <string>
#include <vector>

#include "measure/race.h"
#include "search/session.h"
#include "search/timing.h"

namespace speedster::search {

TimingContext timing_of(const Session& session);
/// A block as the request wants calls to come: callers at once, an interval between calls.
measure::BlockSpec load_profile(const Session& session);
/// A first look, where the order of trials hangs on it and no claim does: seconds of a call of each, loaded side by
/// side and timed in turns, three blocks each, of which the fastest counts. All 0 where one cannot be told.
std::vector<double> look(const Session& session, const std::vector<ServeSpec>& specs);
/// Below this part of another's time a look finds something faster.
inline constexpr double kFasterInALook = 0.97;
inline constexpr int kBlocksOfALook = 3;
/// `purpose` names the children's folders.
measure::Entrant entrant_of(const Session& session, const Candidate& candidate, const std::string& purpose);
/// As many children are alive at once as fit into the memory that is free, each as large as the largest that was seen.
measure::Policy policy_of(const Session& session, const std::vector<Candidate>& candidates);
/// Names a set of entrants in the journal, whatever their order.
std::string subject_of(const std::string& kind, const Candidate& original, const std::vector<std::string>& digests);

}  // namespace speedster::search
