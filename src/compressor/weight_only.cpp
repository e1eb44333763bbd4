#include "compressor/weight_only.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "compressor/products.h"
#include "compressor/weights.h"
#include "onnx/graph.h"
#include "onnx/version.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::OnnxModel;

constexpr int kLeastBlock = 16, kMostBlock = 256;
constexpr std::int64_t kIntegerLevel = 4;

class WeightQuantizer {
 public:
  WeightQuantizer(OnnxModel& model, const WeightOnlyOptions& options) : options_(options), graph_(model) {}

  Result<QuantizationSummary> run() {
    return quantize_products(
        graph_, [this](const NodeProto& node) { return unfit(node); },
        [this](NodeProto& node, const std::string& label) { return rewrite(node, label); });
  }

 private:
  std::string unfit(const NodeProto& node) const {
    std::string why = unfit_product(graph_, node, options_.exclude_nodes, options_.exclude_patterns);
    if (!why.empty()) return why;
    const auto inputs = graph_.constant(node.input(1))->shape[terms_of(node).transposed ? 1 : 0];
    return inputs < options_.block ? "fewer inputs than a block" : "";
  }

  struct Weight {
    std::string values, scales;
    std::int64_t inputs = 0, outputs = 0;
  };
  Result<Weight> packed(const NodeProto& node, const ProductTerms& terms) {
    const auto key = std::make_tuple(graph_.resolve(node.input(1)), terms.transposed, terms.alpha);
    if (const auto found = weights_.find(key); found != weights_.end()) return found->second;
    SPEEDSTER_ASSIGN(Tensor weight, graph_.load_constant(node.input(1)));
    if (terms.transposed) weight = transposed(weight);
    SPEEDSTER_ASSIGN(PackedWeight columns, pack_columns(weight, options_.bits, options_.block));
    for (float& scale : columns.scales) scale *= terms.alpha;
    const std::string& base = std::get<0>(key);
    const Shape shape = {static_cast<std::int64_t>(columns.scales.size())};
    const Weight result{
        graph_.add_constant(base + "_packed", columns.values),
        graph_.add_constant(base + "_scales", Tensor::from<float>(DType::kFloat32, shape, columns.scales)),
        weight.shape()[0], weight.shape()[1]};
    weights_[key] = result;
    return result;
  }

  Result<void> rewrite(NodeProto& node, const std::string& label) {
    const ProductTerms terms = terms_of(node);
    const std::string output = node.output(0), input = node.input(0);
    auto weight = packed(node, terms);
    if (!weight) return std::move(weight).error().wrap("[quantize] cannot quantize " + label);
    graph_.remove_node(node);
    const std::string product = terms.bias.empty() ? output : graph_.unique(output + "_product");
    NodeProto& added = graph_.add_node("MatMulNBits", {input, weight->values, weight->scales}, {product}, label,
                                       onnx_model::kContributed);
    onnx_model::set_attribute(added, "K", weight->inputs);
    onnx_model::set_attribute(added, "N", weight->outputs);
    onnx_model::set_attribute(added, "bits", std::int64_t{options_.bits});
    onnx_model::set_attribute(added, "block_size", std::int64_t{options_.block});
    if (options_.integer) onnx_model::set_attribute(added, "accuracy_level", kIntegerLevel);
    if (!terms.bias.empty()) add_bias(graph_, terms, product, output, label);
    return {};
  }

  const WeightOnlyOptions& options_;
  Graph graph_;
  std::map<std::tuple<std::string, bool, float>, Weight> weights_;
};

}  // namespace

Result<PackedWeight> pack_columns(const Tensor& weight, int bits, int block) {
  const auto values = weight.as<float>();
  const auto inputs = static_cast<std::size_t>(weight.shape()[0]),
             outputs = static_cast<std::size_t>(weight.shape()[1]);
  const auto width = static_cast<std::size_t>(block);
  const std::size_t blocks = (inputs + width - 1) / width, bytes = width * static_cast<std::size_t>(bits) / 8;
  PackedWeight packed{
      Tensor(DType::kUInt8, {weight.shape()[1], static_cast<std::int64_t>(blocks), static_cast<std::int64_t>(bytes)}),
      std::vector<float>(outputs * blocks)};
  const auto stored = packed.values.as<std::uint8_t>();
  const float middle = static_cast<float>(1 << (bits - 1));
  for (std::size_t column = 0; column < outputs; ++column)
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t first = b * width, last = std::min(first + width, inputs);
      float largest = 0;
      for (std::size_t row = first; row < last; ++row) {
        const float value = values[row * outputs + column];
        if (!std::isfinite(value))
          return Error(ErrorKind::kBadInput, "[quantize] expected finite weights, got " + std::to_string(value));
        if (std::abs(value) > std::abs(largest)) largest = value;
      }
      const float scale = largest / -middle;
      const std::size_t place = column * blocks + b;
      packed.scales[place] = scale;
      for (std::size_t i = 0; i < width; ++i) {
        const std::size_t row = first + i;
        const float value = row < last && scale != 0 ? values[row * outputs + column] / scale : 0;
        const auto q = static_cast<std::uint8_t>(std::clamp(std::nearbyint(value) + middle, 0.0F, 2 * middle - 1));
        std::uint8_t& to = stored[place * bytes + i * static_cast<std::size_t>(bits) / 8];
        to = bits == 8 ? q : static_cast<std::uint8_t>(i % 2 == 0 ? q : to | (q << 4U));
      }
    }
  return packed;
}

Result<QuantizationSummary> quantize_weights(OnnxModel& model, const WeightOnlyOptions& options) {
  if (options.bits != 4 && options.bits != 8)
    return Error(ErrorKind::kUsage, "[quantize] expected weights of 4 or 8 bits, got " + std::to_string(options.bits));
  if (options.block < kLeastBlock || options.block > kMostBlock ||
      !std::has_single_bit(static_cast<unsigned>(options.block)))
    return Error(ErrorKind::kUsage,
                 "[quantize] expected a block of 16, 32, 64, 128 or 256 inputs, got " + std::to_string(options.block));
  SPEEDSTER_TRY(refuse_quantized(model));
  SPEEDSTER_ASSIGN(QuantizationSummary summary, WeightQuantizer(model, options).run());
  if (summary.quantized_nodes > 0) onnx_model::import_domain(model, onnx_model::kContributed, 1);
  return summary;
}

}  // namespace speedster::compressor
