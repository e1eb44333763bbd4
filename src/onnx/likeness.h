/// Nodes that are alike: the same operator at the same place of a repeated structure.
#pragma once
#include <string>
#include <vector>

#include "onnx/graph.h"

namespace speedster::onnx_model {

/// Groups `nodes` so that those of one group have equal operators, attributes and shapes of weights, and so do their
/// neighbours up to `radius` steps along produced and used values (Weisfeiler-Lehman colours of the graph: Shervashidze
/// et al., JMLR 12, 2011). Names and values of weights do not count. Groups and their members keep the order of
/// `nodes`.
std::vector<std::vector<std::size_t>> like_nodes(const Graph& graph, const std::vector<::onnx::NodeProto*>& nodes,
                                                 int radius = 2);

}  // namespace speedster::onnx_model
