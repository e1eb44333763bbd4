/// Where quantizers go: which nodes run in int8 for a target, and which tensors get a QuantizeLinear/DequantizeLinear
/// pair.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "compressor/quantize.h"
#include "onnx/graph.h"

namespace speedster::compressor {

/// A node that computes in int8.
struct QuantizedNode {
  ::onnx::NodeProto* node = nullptr;
  bool constant_weight = true;  ///< input 1 is constant; else it is a tensor with a quantizer
  std::int64_t axis = -1;       ///< of the weight's scales
  std::string output;           ///< after the activation that the vendor fuses (Relu, Clip)
};

struct Placement {
  std::vector<QuantizedNode> nodes;
  std::unordered_set<const ::onnx::NodeProto*> joined;  ///< nodes that read the quantized form, too (Add, MaxPool, …)
  std::vector<std::string> tensors;                     ///< with quantizers, in topological order
  std::unordered_set<std::string> everywhere;           ///< of these, those whose every user reads the quantized form
  std::map<std::string, std::string> same_range;        ///< tensor → tensor whose scale it takes (MaxPool, Reshape, …)
  std::size_t candidates = 0;
  std::vector<std::string> skipped;  ///< "name: why"
};

Placement place_quantizers(const onnx_model::Graph& graph, const Target& target, const StaticOptions& options);

}  // namespace speedster::compressor
