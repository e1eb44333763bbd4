/// Who wins: faster than the original with confidence; among equivalents the safer; else the fastest estimate, said so.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "measure/statistics.h"

namespace speedster::measure {

enum class Relation { kEquivalent, kSlower, kUndecided };

/// How a candidate stands to a reference, from values paired by load.
struct Contrast {
  Estimate behind;  ///< log time of the candidate over that of the reference
  std::size_t loads = 0;
  Relation relation = Relation::kUndecided;
};
/// Equivalent: both bounds, each at alpha, are within Policy::equivalence (two one-sided tests, Schuirmann 1987:
/// evidence of likeness, not want of evidence), with min_loads at least. Slower: the lower bound is above 0, at alpha
/// over the number of looks before min_loads, at half of alpha later. Where both hold, equivalent: a difference that is
/// too small to matter does not matter even if it is certain.
Contrast compare_loads(std::span<const double> candidate, std::span<const double> reference, Variance expected,
                       const Policy& policy);

/// One-sided error of each finalist's bound against the original: all of them together make Policy::alpha, with one
/// part more because the bound of the leader may be looked at twice.
double original_alpha(const Policy& policy, std::size_t finalists);

/// A contender at the end of the confirmation.
struct Standing {
  const Entrant* entrant = nullptr;
  std::span<const double> logs;
  bool failed = false;
  bool left_slower = false;  ///< found slower at an earlier look
};

struct Choice {
  std::optional<std::size_t> winner;  ///< absent: the original
  bool undecided = false;
  std::vector<Relation> relations;  ///< of the finalists, then of the original, to the answer
};
Choice choose(std::span<const Standing> finalists, const Standing& original, Variance expected, const Policy& policy);

/// The safest of these: least drop (differences below 1e-6 are noise), then least memory (within 5 %), then least size;
/// the first named where all are alike.
std::size_t safest(std::span<const Entrant* const> entrants);

}  // namespace speedster::measure
