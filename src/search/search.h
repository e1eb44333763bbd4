/// The search: plan, prepare, check, race, judge, confirm, choose (docs/blocks.md, docs/design/measuring.md). Its
/// result is a report and what the package is made of.
#pragma once
#include <optional>
#include <vector>

#include "search/session.h"

namespace speedster::search {

/// A few samples with the original's outputs, for `verify`.
struct ExpectedSample {
  std::size_t sample = 0;
  std::vector<Tensor> outputs;  ///< in the signature's order
};

struct Outcome {
  Report report;                      ///< all but package, manifest digest and total time
  std::vector<Candidate> candidates;  ///< in the plan's order; report.candidates has the same
  Candidate original;
  std::vector<std::size_t> variants;  ///< candidates for the package, winner first; the original follows
  std::vector<ExpectedSample> expected;
};

/// Runs all stages. Errors end the search: the original cannot run, no space, a defect. Cancelling and running out of
/// time are outcomes ("cancelled", "time").
Result<Outcome> run(Session& session);

}  // namespace speedster::search
