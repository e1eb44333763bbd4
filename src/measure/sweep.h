/// Latency and throughput at several loads: fresh loads of each point in interleaved rounds.
#pragma once
#include "measure/race.h"

namespace speedster::measure {

/// Something loaded, and how many callers it gets.
struct SweepEntrant {
  std::string name;
  Load load;
  int concurrency = 1;
};

struct SweepRow {
  Interval seconds;  ///< a call: the median of one caller, callers / throughput of several; unset with an error
  std::vector<double> calls;
  std::optional<Error> error;
};

struct SweepTimes {
  std::vector<SweepRow> rows;  ///< in the order of the entrants
  int loads = 0, dropped_rounds = 0;
  bool busy = false;
  bool cut = false;  ///< a deadline left fewer loads than were asked for
};

/// `loads` fresh loads of each entrant, Policy::max_live of them alive at once. One that fails is a row with its error,
/// and the others go on. Kind timeout where the deadline lets in not one load of each.
Result<SweepTimes> sweep(const std::vector<SweepEntrant>& entrants, int loads, const Policy& policy,
                         const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel);

}  // namespace speedster::measure
