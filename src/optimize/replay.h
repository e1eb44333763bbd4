/// Repeats what an earlier search found: its winning chain on another model of the same kind (retrained weights).
#pragma once
#include <speedster/optimize.h>

#include "compiler/recipe.h"

namespace speedster {

struct Replay {
  OptimizeRequest request;
  compiler::CandidatesFile chains;  ///< the report's original and, as the only candidate, its winner
};

/// The request with what the report at `request.recipe` says where the request has its defaults: data with its labels,
/// sizes, metric with its budget, output, threads, callers and seed. A program that measures the drop is never taken
/// from a file, and a budget never for another metric: kind usage where the request has none. Kind bad input where the
/// file is no report, is damaged, or where nothing won.
Result<Replay> replayed(OptimizeRequest request);

}  // namespace speedster
