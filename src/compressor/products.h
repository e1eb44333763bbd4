/// The MatMul family: MatMul and Gemm with constant two-dimensional weights, which quantizers without calibration take.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "compressor/quantize.h"
#include "onnx/graph.h"

namespace speedster::compressor {

bool is_product(const ::onnx::NodeProto& node);
/// Why such a node stays in float; empty if it does not.
std::string unfit_product(const onnx_model::Graph& graph, const ::onnx::NodeProto& node,
                          const std::set<std::string>& exclude_nodes, const std::vector<std::string>& exclude_patterns);
/// `rewrite` gets each product, with its label, that `unfit` has nothing against; the graph is finished then.
Result<QuantizationSummary> quantize_products(
    onnx_model::Graph& graph, const std::function<std::string(const ::onnx::NodeProto&)>& unfit,
    const std::function<Result<void>(::onnx::NodeProto&, const std::string&)>& rewrite);
/// alpha · (x · w) + beta · bias of a Gemm; of a MatMul alpha is 1 and there is no bias.
struct ProductTerms {
  float alpha = 1, beta = 1;
  bool transposed = false;  ///< the weights
  std::string bias;         ///< empty where there is none, or beta is 0
};
ProductTerms terms_of(const ::onnx::NodeProto& node);
/// Adds the bias, times beta, to `product`; the sum is `output`.
void add_bias(onnx_model::Graph& graph, const ProductTerms& terms, const std::string& product,
              const std::string& output, const std::string& label);

}  // namespace speedster::compressor
