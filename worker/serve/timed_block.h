/// The timed loop: warm calls, then stamped calls in a closed loop (ARCHITECTURE.md, "How time is measured").
#pragma once
#include <vector>

#include "worker/serve/caller.h"

namespace speedster::worker {

struct BlockRequest {
  int warm_calls = 3;
  double warm_seconds = 0.02;
  int calls = 10;
  double seconds = 0.1;
  int slow_calls = 5;
};

struct BlockReply {
  double value = 0;                 ///< seconds: median call; with N callers N × window / calls
  std::vector<double> calls;        ///< seconds of each call, or of each batch's mean below 50 µs
  std::uint64_t major_faults = 0;
  double cpu_seconds = 0;
};

/// One caller: latency. Several: throughput of a closed loop.
Result<BlockReply> timed_block(std::vector<Caller>& callers, const std::vector<OwnedSample>& samples, const BlockRequest& request);

/// Single calls, each stamped, after a warm part.
Result<std::vector<double>> timed_calls(Caller& caller, const std::vector<OwnedSample>& samples, int calls);

}  // namespace speedster::worker
