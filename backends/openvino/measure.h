/// The vendor's per-node times and kernels, and what they say of the precision.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "openvino/session.h"
#include "support/precision.h"

namespace speedster::openvino {

struct MeasuredNode {
  std::string name, type, kernel;  ///< "conv1", "Convolution", "brgconv_avx2_f32"
  std::int64_t microseconds = 0;
};

/// Reads the profile of the last execution of a request on a measured session; executed nodes only.
std::vector<MeasuredNode> read_profile(const Api& api, const ov_infer_request_t* request);
/// Executes the measured form of the model once on zeros; empty where the model accepts none of the shapes that are
/// tried.
std::vector<MeasuredNode> measure_on_zeros(Session& session);
/// Kernels end in the type that they compute in. See PrecisionTally.
plugin::PrecisionTally tally(const std::vector<MeasuredNode>& nodes);

}  // namespace speedster::openvino
