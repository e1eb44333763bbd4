/// Limits beside accuracy: size, memory, time to load, tail latency. Who is above one may not win, and the report says
/// what allowing it would bring.
#pragma once
#include <string>
#include <vector>

#include "search/session.h"

namespace speedster::search {

/// A limit that a candidate is above.
struct Excess {
  std::string option;  ///< "--max-memory"
  std::string reason;  ///< "peak memory 512 MB, at most 400 MB"
  std::string allows;  ///< a value of the option that lets it through; empty where its own is not known
};

/// What a candidate is above, by what is known of it. Time to load and the tail count once it is `confirmed`; what is
/// not known then is no proof that a limit is held.
std::vector<Excess> excesses(const OptimizeRequest& request, const CandidateRow& row, bool confirmed);
/// Their reasons as one.
std::string reason_of(const std::vector<Excess>& excesses);

}  // namespace speedster::search
