/// Scale migration: what makes the channels of an activation unequal moves into the weights that read it, so that one
/// scale for all channels loses less. The graph computes the same, up to rounding. Between a norm and products it is
/// SmoothQuant (Xiao et al., ICML 2023), between convolutions cross-layer equalization (Nagel et al., ICCV 2019), here
/// by what calibration saw of the activation instead of the weights that make it.
#pragma once
#include <speedster/error.h>

#include <map>
#include <string>
#include <vector>

#include "compressor/channels.h"
#include "onnx/model.h"

namespace speedster::compressor {

struct MigrationOptions {
  /// Channel c is divided by peak(c)^strength / weight(c)^(1 - strength): 0 leaves the activations as they are, 1 gives
  /// all channels one peak. Depthwise layers, whose every output has a scale of its own, take all.
  double strength = 0.5;
  /// A multiplication in front of the readers where nobody can absorb the factors.
  bool insert = false;
  std::vector<std::string> exclude_patterns;  ///< readers that stay as they are, as StaticOptions has them
};

struct MigrationSummary {
  std::vector<std::string> absorbed, inserted;  ///< activations, by who takes their factors
  std::vector<std::string> skipped;             ///< "activation: why"
};

/// Activations that a layer with constant weights reads, and how many axes are behind their channels.
std::map<std::string, std::size_t> channel_axes(const onnx_model::OnnxModel& model);

/// `channels` are those of this model. Kind bad input where they do not fit it.
Result<MigrationSummary> migrate_scales(onnx_model::OnnxModel& model, const ChannelTable& channels,
                                        const MigrationOptions& options);

}  // namespace speedster::compressor
