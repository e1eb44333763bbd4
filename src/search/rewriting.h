/// What the lossless rewriting did, for the report.
#pragma once
#include <optional>
#include <vector>

#include "search/session.h"

namespace speedster::search {

/// That of the winner, else of the first candidate that had it: they share one job. Where it failed for all, why.
std::optional<GraphRewriting> rewriting_of(const std::vector<Candidate>& candidates,
                                           const std::vector<std::size_t>& ranked);

}  // namespace speedster::search
