/// Connects the measuring procedure to children: a Load that starts a ServedPackage, and the machine's foreign share.
#pragma once
#include <memory>
#include <vector>

#include "measure/race.h"
#include "search/served.h"

namespace speedster::search {

/// What timing needs of the search.
struct TimingContext {
  job::Supervisor* supervisor = nullptr;
  CancelToken cancel;
  Deadline deadline;
  std::vector<std::size_t> samples;  ///< cycled over in a block
};

/// What is gathered of one package and variant while it is timed.
struct TimingNotes {
  std::uint64_t peak_memory = 0;
  std::vector<double> load_seconds;
  std::vector<double> call_cpu_seconds;  ///< of a call, one value a block
  std::string failure_directory;         ///< with repro.sh, where a child failed
};

/// A fresh process from the saved form at each call. `notes` is filled as children end.
measure::Load load_served(const TimingContext& context, const ServeSpec& spec, std::shared_ptr<TimingNotes> notes);

/// Share of the machine's core time that neither we nor our children used since the previous call.
measure::ForeignShare machine_foreign_share(int cores);

}  // namespace speedster::search
