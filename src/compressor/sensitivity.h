/// What each quantized node alone does to the outputs: the estimate that orders the trials of a precision search. A
/// graph with switches (switches.h) is run with one group of like nodes switched at a time, then, as far as time goes,
/// with single nodes of the groups that lose most.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "compressor/calibrate.h"

namespace speedster::compressor {

/// Runs one sample with these switches (0 or 1 each); `take` gets the outputs, valid during the call.
using RunSwitched =
    std::function<Result<void>(std::size_t sample, const std::vector<std::uint8_t>& switches, const TakeOutputs& take)>;

struct SensitivityOptions {
  std::vector<std::size_t> samples;  ///< which may be run, in this order; as many are as time allows
  std::vector<bool> judged;          ///< which outputs count; empty = all
  double most_seconds = 10;          ///< groups are all measured, however long it takes; single nodes until then
  std::function<void(double)> progress;
};

struct NodeSensitivity {
  std::string node;
  std::size_t group = 0;  ///< like nodes have the same
  /// Mean over samples of the squared relative L2 difference to the float outputs (the largest output counts) with this
  /// node alone in int8. Differences of independent roundings add up in squares. Infinite for NaN and infinity.
  double error = 0;
  bool alone = false;  ///< measured by itself; else an equal share of what its group did
  double seconds = 0;  ///< of one execution in float, from the runtime's profile; 0 = not known
};

struct Sensitivities {
  std::vector<NodeSensitivity> nodes;
  double all = 0;  ///< the same with every switch on
  std::size_t samples = 0;
};

/// `groups` are indices into `nodes`. Kinds: usage (no samples), cancelled, and what `run` gives.
Result<Sensitivities> sensitivities(const std::vector<std::string>& nodes,
                                    const std::vector<std::vector<std::size_t>>& groups, const RunSwitched& run,
                                    const SensitivityOptions& options, const CancelToken& cancel = {});

/// {"nodes": [{"node", "group", "error", "alone", "seconds"}], "all", "samples"}; infinite errors are null.
Json to_json(const Sensitivities& sensitivities);
/// Kind corrupt for anything that to_json() would not write.
Result<Sensitivities> sensitivities_from_json(const Json& json);

}  // namespace speedster::compressor
