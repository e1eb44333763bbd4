#include "compressor/migration.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "compressor/match.h"
#include "rewrite/linear_layer.h"
#include "rewrite/pattern.h"

namespace speedster::compressor {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;
using onnx_model::OnnxModel;
using rewrite::Affine;
using rewrite::is_op;
using rewrite::LinearLayer;

// Channels whose peaks differ by less than this gain nothing.
constexpr double kEven = 1.5;
// A channel that is hardly used does not get a step a thousand times finer.
constexpr double kMost = 1000;

/// f(c · x) = c · f(x) for every c above 0, channel by channel. Pools do not look at the second axis alone.
bool keeps_scales(const NodeProto& node, const rewrite::Channels& where) {
  static const std::set<std::string_view> kSuch = {"Dropout", "Identity", "LeakyRelu", "Relu"},
                                          kPools = {"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"};
  const bool keeps = kSuch.contains(node.op_type()) || (kPools.contains(node.op_type()) && where.behind > 0);
  const bool one_output = node.output_size() == 1 || (node.output_size() == 2 && node.output(1).empty());
  return is_op(&node, node.op_type()) && keeps && one_output;
}

/// Layers of a graph by their nodes, each made at the first question.
class Layers {
 public:
  explicit Layers(Graph& graph, rewrite::Types types) : graph_(graph), types_(std::move(types)) {}
  LinearLayer* of(NodeProto* node) {
    const auto known = layers_.find(node);
    if (known != layers_.end()) return known->second ? &*known->second : nullptr;
    auto& layer = layers_.emplace(node, LinearLayer::of(graph_, *node, types_)).first->second;
    return layer ? &*layer : nullptr;
  }

 private:
  Graph& graph_;
  rewrite::Types types_;
  std::map<NodeProto*, std::optional<LinearLayer>> layers_;
};

class Migration {
 public:
  Migration(OnnxModel& model, const ChannelTable& channels, const MigrationOptions& options)
      : channels_(channels), options_(options), graph_(model), layers_(graph_, onnx_model::value_types(model)) {}

  Result<MigrationSummary> run() {
    std::vector<std::string> tensors;
    std::set<std::string> known;
    for (NodeProto* node : graph_.ordered_nodes())
      if (layers_.of(node) && known.insert(node->input(0)).second) tensors.push_back(node->input(0));
    for (const std::string& tensor : tensors) {
      SPEEDSTER_ASSIGN(const std::string why, consider(tensor));
      if (!why.empty()) summary_.skipped.push_back(tensor + ": " + why);
    }
    for (NodeProto* node : changed_) SPEEDSTER_TRY(layers_.of(node)->store());
    SPEEDSTER_TRY(graph_.finish());
    return std::move(summary_);
  }

 private:
  /// Why its scales stay; empty where they have moved.
  Result<std::string> consider(const std::string& tensor) {
    const auto seen = channels_.find(tensor);
    if (seen == channels_.end()) return std::string("nothing is known of its channels");
    std::vector<NodeProto*> readers;
    bool all = !graph_.is_output(tensor);
    for (NodeProto* node : graph_.consumers(tensor)) {
      LinearLayer* layer = layers_.of(node);
      // Who sees the channels on another axis than calibration did cannot share factors.
      const bool reads = layer && node->input(0) == tensor && layer->inputs().behind == seen->second.extents.size() &&
                         !is_excluded(*node, {}, options_.exclude_patterns);
      if (reads && static_cast<std::size_t>(layer->inputs().count) != seen->second.peak.size())
        return Error(ErrorKind::kBadInput, "[migrate-scales] expected " + std::to_string(layer->inputs().count) +
                                               " channels of '" + tensor + "', got " +
                                               std::to_string(seen->second.peak.size()) + "; try to calibrate again");
      if (reads)
        readers.push_back(node);
      else
        all = false;
    }
    if (readers.empty()) return std::string("nobody may take the factors");
    SPEEDSTER_ASSIGN(const std::vector<double> factors, factors_for(seen->second.peak, readers));
    const auto [least, most] = std::ranges::minmax(factors);
    if (most < kEven * least) return std::string("its channels are even");
    Affine inverse;
    inverse.scale.clear();
    for (const double factor : factors) inverse.scale.push_back(1 / factor);
    const rewrite::Channels where = layers_.of(readers.front())->inputs();
    bool absorbed = false;
    if (all) {
      SPEEDSTER_ASSIGN(absorbed, absorb(tensor, inverse, where));
    }
    if (!absorbed && !options_.insert) return std::string("who makes it cannot take the factors");
    if (!absorbed) multiply(tensor, inverse, where, readers);
    for (NodeProto* reader : readers) {
      layers_.of(reader)->fold_before({factors, {0.0}});
      changed(reader);
    }
    (absorbed ? summary_.absorbed : summary_.inserted).push_back(tensor);
    return std::string();
  }

  void changed(NodeProto* layer) {
    if (std::ranges::find(changed_, layer) == changed_.end()) changed_.push_back(layer);
  }

  /// What each channel is divided by; their geometric mean is 1.
  Result<std::vector<double>> factors_for(const std::vector<double>& peaks, const std::vector<NodeProto*>& readers) {
    std::vector<double> weights(peaks.size(), 0.0);
    bool depthwise = true;
    for (NodeProto* reader : readers) {
      SPEEDSTER_ASSIGN(const std::vector<double> shares, layers_.of(reader)->input_shares());
      for (std::size_t c = 0; c < weights.size(); ++c) weights[c] = std::max(weights[c], shares[c]);
      depthwise = depthwise && layers_.of(reader)->depthwise();
    }
    const double strength = depthwise ? 1 : options_.strength;
    std::vector<double> logs(peaks.size(), 0.0);
    double sum = 0, count = 0;
    for (std::size_t c = 0; c < peaks.size(); ++c) {
      if (peaks[c] <= 0 || weights[c] <= 0) continue;  // never used: any factor does
      logs[c] = strength * std::log(peaks[c]) - (1 - strength) * std::log(weights[c]);
      sum += logs[c];
      ++count;
    }
    std::vector<double> factors(peaks.size(), 1.0);
    for (std::size_t c = 0; c < peaks.size(); ++c)
      if (peaks[c] > 0 && weights[c] > 0) factors[c] = std::clamp(std::exp(logs[c] - sum / count), 1 / kMost, kMost);
    return factors;
  }

  /// Whoever makes the value makes it with its channels scaled; false where nobody can.
  Result<bool> absorb(const std::string& tensor, const Affine& scale, const rewrite::Channels& where) {
    std::string value = tensor;
    std::vector<std::pair<NodeProto*, Affine>> shifts;  // additions on the way, to be scaled, too
    while (true) {
      NodeProto* node = graph_.producer(value);
      if (!node || (value != tensor && !graph_.has_one_use(value))) return false;
      if (keeps_scales(*node, where)) {
        value = node->input(0);
        continue;
      }
      if (is_op(node, "Add") || is_op(node, "Mul")) {
        const std::string input = graph_.constant(node->input(0)) ? node->input(1) : node->input(0);
        SPEEDSTER_ASSIGN(const std::optional<Affine> affine, rewrite::affine_of(graph_, *node, input, where));
        if (!affine) return false;
        if (is_op(node, "Mul")) {
          set_constant(*node, input, affine->then(scale).scale, where);
          break;
        }
        shifts.emplace_back(node, affine->then(scale));
        value = input;
        continue;
      }
      SPEEDSTER_ASSIGN(const bool taken, absorb_into(*node, scale, where));
      if (!taken) return false;
      break;
    }
    for (const auto& [node, affine] : shifts)
      set_constant(*node, graph_.constant(node->input(0)) ? node->input(1) : node->input(0), affine.shift, where);
    return true;
  }

  /// A layer, or a norm with a scale and a shift of its own.
  Result<bool> absorb_into(NodeProto& node, const Affine& scale, const rewrite::Channels& where) {
    if (LinearLayer* layer = layers_.of(&node)) {
      if (layer->outputs().count != where.count || layer->outputs().behind != where.behind) return false;
      layer->fold_after(scale);
      changed(&node);
      return true;
    }
    const bool batch = is_op(&node, "BatchNormalization") && where.behind > 0 && node.output_size() == 1;
    const bool layer =
        is_op(&node, "LayerNormalization") && where.behind == 0 && onnx_model::int_attribute(node, "axis", -1) == -1;
    if ((!batch && !layer) || node.input_size() < 2) return false;
    const int last = node.input_size() > 2 && !node.input(2).empty() ? 2 : 1;
    for (int i = 1; i <= last; ++i) {
      const auto constant = graph_.constant(node.input(i));
      if (!constant || constant->dtype != DType::kFloat32 || constant->shape != Shape{where.count}) return false;
    }
    for (int i = 1; i <= last; ++i) {
      SPEEDSTER_ASSIGN(Tensor values, graph_.load_constant(node.input(i)));
      for (std::size_t c = 0; c < values.as<float>().size(); ++c)
        values.as<float>()[c] = static_cast<float>(static_cast<double>(values.as<float>()[c]) * scale.scale_of(c));
      graph_.set_input(node, i, graph_.add_constant(node.input(i) + "_scaled", values));
    }
    return true;
  }

  /// One value a channel, in a shape that meets the channels' axis and has at least this rank.
  std::string channel_constant(const std::string& base, const std::vector<double>& values,
                               const rewrite::Channels& where, std::size_t rank = 0) {
    const std::vector<float> rounded(values.begin(), values.end());
    Shape shape(std::max(rank, where.behind + 1), 1);
    shape[shape.size() - 1 - where.behind] = where.count;
    return graph_.add_constant(base, Tensor::from<float>(DType::kFloat32, shape, rounded));
  }
  void set_constant(NodeProto& node, const std::string& input, const std::vector<double>& values,
                    const rewrite::Channels& where) {
    const int place = rewrite::other_input(node, input);
    // A constant of more axes than the other operand gives the result its rank.
    const std::size_t rank = graph_.constant(node.input(place))->shape.size();
    graph_.set_input(node, place, channel_constant(node.input(place) + "_scaled", values, where, rank));
  }

  void multiply(const std::string& tensor, const Affine& scale, const rewrite::Channels& where,
                const std::vector<NodeProto*>& readers) {
    const std::string result = graph_.unique(tensor + "_scaled");
    graph_.add_node("Mul", {tensor, channel_constant(tensor + "_factors", scale.scale, where)}, {result}, result);
    for (NodeProto* reader : readers) graph_.set_input(*reader, 0, result);
  }

  const ChannelTable& channels_;
  const MigrationOptions& options_;
  Graph graph_;
  Layers layers_;
  std::vector<NodeProto*> changed_;
  MigrationSummary summary_;
};

}  // namespace

std::map<std::string, std::size_t> channel_axes(const OnnxModel& model) {
  OnnxModel copy = model.clone();
  Graph graph(copy);
  Layers layers(graph, onnx_model::value_types(model));
  std::map<std::string, std::size_t> axes;
  for (NodeProto* node : graph.nodes())
    if (LinearLayer* layer = layers.of(node)) axes.emplace(node->input(0), layer->inputs().behind);
  return axes;
}

Result<MigrationSummary> migrate_scales(OnnxModel& model, const ChannelTable& channels,
                                        const MigrationOptions& options) {
  return Migration(model, channels, options).run();
}

}  // namespace speedster::compressor
