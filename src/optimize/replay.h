/// Repeats what an earlier search found: its winning chain on another model of the same kind (retrained weights).
#pragma once
#include <speedster/optimize.h>

namespace speedster {

/// The request with what the report at `request.recipe` says where the request says nothing itself: data with its
/// labels, sizes, metric, budget, output, threads, callers and seed. A program that measures the drop is never taken
/// from a file: where the report has one and the request none, kind usage. Kind bad input where the file is no report.
Result<OptimizeRequest> replayed(OptimizeRequest request);

}  // namespace speedster
