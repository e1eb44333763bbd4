/// Bias correction: what rounding the weights of a layer takes from the mean of each output goes into its bias (Nagel
/// et al., "Data-Free Quantization through Weight Equalization and Bias Correction", ICCV 2019, 4.2), by the means that
/// calibration saw of what the layer reads.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compressor/channels.h"
#include "onnx/graph.h"
#include "rewrite/linear_layer.h"

namespace speedster::compressor {

/// Of each place of a kernel the part of a convolution's outputs for which it lies on data, not on padding. `extents`
/// are the sizes of the spatial axes; without padding, and for other operators, all are 1.
std::vector<double> taps_on_data(const ::onnx::NodeProto& node, const Shape& kernel, std::span<const double> extents);

class BiasCorrector {
 public:
  /// All must outlive it.
  BiasCorrector(onnx_model::Graph& graph, rewrite::Types types, const ChannelTable& channels)
      : graph_(graph), types_(std::move(types)), channels_(channels) {}

  struct Layer {
    rewrite::LinearLayer layer;
    const ChannelStatistics* input;
    std::string weight;
    std::vector<double> taps;
  };
  /// A layer whose inputs' means are known, before its weights are replaced; gives a convolution or Gemm without a bias
  /// one of zeros. Nothing where there is nothing to correct by.
  std::optional<Layer> layer(::onnx::NodeProto& node);

  /// What the outputs' means lose where the weights become `integers` (a constant of the graph) times `scales`.
  Result<std::vector<double>> lost(const Layer& layer, const std::string& integers, std::span<const float> scales,
                                   std::int64_t axis) const;

  void add(Tensor& bias, std::span<const double> shifts);
  /// To a bias in float: the node's own, or that of the addition behind a product. Where there is none, nothing
  /// changes.
  Result<void> add(::onnx::NodeProto& node, std::span<const double> shifts);
  std::size_t count() const { return count_; }

 private:
  onnx_model::Graph& graph_;
  rewrite::Types types_;
  const ChannelTable& channels_;
  std::size_t count_ = 0;
};

}  // namespace speedster::compressor
