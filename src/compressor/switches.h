/// A graph that can be quantized node by node while it runs: what one node loses is seen without a graph for each.
#pragma once
#include <speedster/error.h>

#include <string>
#include <vector>

#include "compressor/quantize.h"
#include "onnx/model.h"

namespace speedster::compressor {

/// The extra input: bool[nodes], true where a node computes with rounded weights, inputs and (where the target fuses
/// them) outputs. With all of them true the graph gives what quantize_static()'s does, in floating point.
inline constexpr const char* kSwitchInput = "speedster_switches";

/// Changes the model to such a graph and returns the labels of its nodes, in the order of the switches. What rides
/// along between quantized nodes (additions, pools) is read as its makers and readers say. Kinds: as quantize_static().
Result<std::vector<std::string>> with_switches(onnx_model::OnnxModel& model, const Target& target, const Ranges& ranges,
                                               const StaticOptions& options);

}  // namespace speedster::compressor
