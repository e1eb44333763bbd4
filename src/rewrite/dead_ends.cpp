#include <onnx-ml.pb.h>

#include <algorithm>
#include <unordered_set>

#include "onnx/graph.h"
#include "rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using onnx_model::Graph;

std::size_t node_count(const onnx_model::OnnxModel& model) {
  return static_cast<std::size_t>(model.proto().graph().node_size());
}

/// Initializers that neither a node, nor a subgraph, nor an output of the graph uses, and inputs that only gave them a
/// place to be overridden.
std::size_t drop_unused_initializers(onnx_model::OnnxModel& model) {
  std::unordered_set<std::string> unused;
  {
    const Graph graph(model);
    for (const auto& tensor : model.proto().graph().initializer())
      if (graph.consumers(tensor.name()).empty() && !graph.is_output(tensor.name())) unused.insert(tensor.name());
  }
  const auto erase = [&](auto& list) {
    list.erase(std::remove_if(list.begin(), list.end(), [&](const auto& item) { return unused.contains(item.name()); }),
               list.end());
  };
  auto& proto = *model.proto().mutable_graph();
  erase(*proto.mutable_initializer());
  erase(*proto.mutable_input());
  erase(*proto.mutable_value_info());
  return unused.size();
}

}  // namespace

Result<std::size_t> remove_dead_ends(onnx_model::OnnxModel& model, const Evaluate&) {
  const std::size_t before = node_count(model);
  Graph graph(model);
  SPEEDSTER_TRY(graph.finish());
  const std::size_t gone = before - node_count(model);
  return gone + drop_unused_initializers(model);
}

}  // namespace speedster::rewrite
