#include <onnx-ml.pb.h>

#include <map>
#include <optional>

#include "compressor/products.h"
#include "compressor/quantize.h"
#include "compressor/weights.h"
#include "onnx/dtypes.h"
#include "onnx/graph.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::OnnxModel;

constexpr std::int64_t kDynamicOpset = 11;

class DynamicQuantizer {
 public:
  DynamicQuantizer(OnnxModel& model, const DynamicOptions& options) : options_(options), graph_(model) {}

  Result<QuantizationSummary> run() {
    return quantize_products(
        graph_,
        [this](const NodeProto& node) {
          return unfit_product(graph_, node, options_.exclude_nodes, options_.exclude_patterns);
        },
        [this](NodeProto& node, const std::string& label) { return rewrite(node, label); });
  }

 private:
  struct Input {
    std::string values, scale, zero_point;
  };
  /// One DynamicQuantizeLinear for all readers of a tensor (query, key and value share it).
  const Input& quantized_input(const std::string& tensor) {
    const auto [found, fresh] = inputs_.try_emplace(tensor);
    if (fresh) {
      found->second = {graph_.unique(tensor + "_quantized"), graph_.unique(tensor + "_scale"),
                       graph_.unique(tensor + "_zero_point")};
      graph_.add_node("DynamicQuantizeLinear", {tensor},
                      {found->second.values, found->second.scale, found->second.zero_point},
                      tensor + "_QuantizeLinear");
    }
    return found->second;
  }

  struct Weight {
    std::string values, scale, zero_point;
  };
  Result<Weight> quantized_weight(const NodeProto& node, bool transpose, float factor) {
    const auto key = std::make_tuple(graph_.resolve(node.input(1)), transpose, factor);
    if (const auto found = weights_.find(key); found != weights_.end()) return found->second;
    SPEEDSTER_ASSIGN(Tensor weight, graph_.load_constant(node.input(1)));
    if (transpose) weight = transposed(weight);
    SPEEDSTER_ASSIGN(QuantizedWeight quantized,
                     quantize_weight(weight, options_.per_channel ? 1 : -1, options_.weight_bits));
    for (float& scale : quantized.scales) scale *= factor;
    const std::string base = std::get<0>(key);
    const Shape shape = options_.per_channel ? Shape{static_cast<std::int64_t>(quantized.scales.size())} : Shape{};
    // ONNX Runtime's fusion wants a zero point as long as the scales.
    Tensor zero(DType::kInt8, shape);
    std::memset(zero.data(), 0, zero.bytes());
    const Weight result{
        graph_.add_constant(base + "_quantized", quantized.values),
        graph_.add_constant(base + "_scale", Tensor::from<float>(DType::kFloat32, shape, quantized.scales)),
        graph_.add_constant(base + "_zero_point", zero)};
    weights_[key] = result;
    return result;
  }

  /// y = Cast(MatMulInteger(quantized x, quantized w)) · (scale of x · scales of w) [+ bias]
  Result<void> rewrite(NodeProto& node, const std::string& label) {
    const ProductTerms terms = terms_of(node);
    const std::string output = node.output(0), tensor = node.input(0);
    auto weight = quantized_weight(node, terms.transposed, terms.alpha);
    if (!weight) return std::move(weight).error().wrap("[quantize] cannot quantize " + label);
    const Input& input = quantized_input(tensor);
    graph_.remove_node(node);

    const std::string integers = graph_.unique(output + "_int32"), floats = graph_.unique(output + "_cast");
    const std::string scales = graph_.unique(output + "_scales"),
                      product = terms.bias.empty() ? output : graph_.unique(output + "_scaled");
    graph_.add_node("MatMulInteger", {input.values, weight->values, input.zero_point, weight->zero_point}, {integers},
                    label);
    onnx_model::set_attribute(graph_.add_node("Cast", {integers}, {floats}, label + "_Cast"), "to",
                              static_cast<std::int64_t>(onnx_model::dtype_to_onnx(DType::kFloat32)));
    graph_.add_node("Mul", {input.scale, weight->scale}, {scales}, label + "_Scales");
    graph_.add_node("Mul", {floats, scales}, {product}, label + "_Scale");
    if (!terms.bias.empty()) add_bias(graph_, terms, product, output, label);
    return {};
  }

  const DynamicOptions& options_;
  Graph graph_;
  std::map<std::string, Input> inputs_;
  std::map<std::tuple<std::string, bool, float>, Weight> weights_;
};

}  // namespace

Result<QuantizationSummary> quantize_dynamic(OnnxModel& model, const DynamicOptions& options) {
  SPEEDSTER_TRY(refuse_quantized(model));
  if (model.opset() < kDynamicOpset)
    return Error(ErrorKind::kUnsupported, "[quantize] expected opset 11 or newer for dynamic quantization, got " +
                                              std::to_string(model.opset()) + "; try to export the model again");
  return DynamicQuantizer(model, options).run();
}

}  // namespace speedster::compressor
