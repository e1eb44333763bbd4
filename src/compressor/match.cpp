#include "compressor/match.h"

#include <fnmatch.h>
#include <onnx-ml.pb.h>

#include <algorithm>

#include "onnx/graph.h"

namespace speedster::compressor {

bool is_excluded(const ::onnx::NodeProto& node, const std::set<std::string>& names,
                 const std::vector<std::string>& patterns) {
  const std::string label = onnx_model::node_label(node), op = onnx_model::operator_name(node);
  if (names.contains(label) || names.contains(node.name())) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), label.c_str(), 0) == 0 || ::fnmatch(pattern.c_str(), op.c_str(), 0) == 0;
  });
}

}  // namespace speedster::compressor
