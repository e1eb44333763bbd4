#include "compressor/products.h"

#include <onnx-ml.pb.h>

#include "compressor/match.h"

namespace speedster::compressor {

bool is_product(const ::onnx::NodeProto& node) {
  return (node.domain().empty() || node.domain() == "ai.onnx") &&
         (node.op_type() == "MatMul" || node.op_type() == "Gemm");
}

std::string unfit_product(const onnx_model::Graph& graph, const ::onnx::NodeProto& node,
                          const std::set<std::string>& exclude_nodes,
                          const std::vector<std::string>& exclude_patterns) {
  if (is_excluded(node, exclude_nodes, exclude_patterns)) return "excluded";
  if (node.input_size() < 2) return "without weights";
  const auto weight = graph.constant(node.input(1));
  if (!weight) return "its weights are computed";
  if (graph.constant(node.input(0))) return "its first input is constant";
  if (weight->dtype != DType::kFloat32) return "weights of " + std::string(name(weight->dtype));
  if (weight->shape.size() != 2) return "weights of rank " + std::to_string(weight->shape.size());
  if (element_count(weight->shape).value_or(0) == 0) return "weights without elements";
  if (node.op_type() == "Gemm" && onnx_model::int_attribute(node, "transA", 0) != 0) return "a transposed input";
  return {};
}

Result<QuantizationSummary> quantize_products(
    onnx_model::Graph& graph, const std::function<std::string(const ::onnx::NodeProto&)>& unfit,
    const std::function<Result<void>(::onnx::NodeProto&, const std::string&)>& rewrite) {
  QuantizationSummary summary;
  for (::onnx::NodeProto* node : graph.nodes()) {
    if (!is_product(*node)) continue;
    ++summary.candidate_nodes;
    const std::string label = onnx_model::node_label(*node);
    if (const std::string why = unfit(*node); !why.empty()) {
      summary.skipped.push_back(label + ": " + why);
      continue;
    }
    SPEEDSTER_TRY(rewrite(*node, label));
    summary.nodes.push_back(label);
  }
  summary.quantized_nodes = summary.nodes.size();
  SPEEDSTER_TRY(graph.finish());
  return summary;
}

ProductTerms terms_of(const ::onnx::NodeProto& node) {
  ProductTerms terms;
  if (node.op_type() != "Gemm") return terms;
  terms.alpha = static_cast<float>(onnx_model::float_attribute(node, "alpha", 1));
  terms.beta = static_cast<float>(onnx_model::float_attribute(node, "beta", 1));
  terms.transposed = onnx_model::int_attribute(node, "transB", 0) != 0;
  if (node.input_size() > 2 && terms.beta != 0) terms.bias = node.input(2);
  return terms;
}

void add_bias(onnx_model::Graph& graph, const ProductTerms& terms, const std::string& product,
              const std::string& output, const std::string& label) {
  std::string bias = terms.bias;
  if (terms.beta != 1) {
    const std::vector<float> value{terms.beta};
    const std::string scaled = graph.unique(output + "_bias");
    graph.add_node("Mul", {bias, graph.add_constant(output + "_beta", Tensor::from<float>(DType::kFloat32, {}, value))},
                   {scaled}, label + "_Beta");
    bias = scaled;
  }
  graph.add_node("Add", {product, bias}, {output}, label + "_Bias");
}

}  // namespace speedster::compressor
