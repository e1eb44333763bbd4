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
    return pattern == label || ::fnmatch(pattern.c_str(), label.c_str(), 0) == 0 ||
           ::fnmatch(pattern.c_str(), op.c_str(), 0) == 0;
  });
}

namespace {

void strike_out(const ::onnx::GraphProto& graph, std::vector<std::string>& patterns) {
  for (const ::onnx::NodeProto& node : graph.node()) {
    std::erase_if(patterns, [&](const std::string& pattern) { return is_excluded(node, {}, {pattern}); });
    for (const ::onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) strike_out(attribute.g(), patterns);
      for (const ::onnx::GraphProto& inner : attribute.graphs()) strike_out(inner, patterns);
    }
  }
}

}  // namespace

std::vector<std::string> patterns_without_match(const onnx_model::OnnxModel& model,
                                                const std::vector<std::string>& patterns) {
  std::vector<std::string> left = patterns;
  strike_out(model.proto().graph(), left);
  return left;
}

}  // namespace speedster::compressor
