/// Which nodes the user leaves alone.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "onnx/model.h"

namespace speedster::compressor {

/// The node's name or label is in `names`, or a shell pattern (`*`, `?`, `[…]`) fits its name, label or operator.
bool is_excluded(const ::onnx::NodeProto& node, const std::set<std::string>& names,
                 const std::vector<std::string>& patterns);

/// Those that fit no node of the model, subgraphs included.
std::vector<std::string> patterns_without_match(const onnx_model::OnnxModel& model,
                                                const std::vector<std::string>& patterns);

}  // namespace speedster::compressor
