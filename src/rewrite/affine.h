/// Nodes that scale and shift the channels of a value: BatchNormalization, and Mul, Div, Add, Sub with a constant.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "onnx/graph.h"

namespace speedster::rewrite {

/// y = scale · x + shift in double precision, each of one element for all channels or of one a channel.
struct Affine {
  std::vector<double> scale{1.0}, shift{0.0};

  double scale_of(std::size_t channel) const { return scale.size() == 1 ? scale[0] : scale[channel]; }
  double shift_of(std::size_t channel) const { return shift.size() == 1 ? shift[0] : shift[channel]; }
  bool scales() const;
  bool shifts() const;
  bool finite() const;
  /// This one first, then the other.
  Affine then(const Affine& next) const;
};

/// Where the channels of a value are.
struct Channels {
  std::int64_t count = 0;
  std::size_t rank = 0;    ///< of the value; constants of a higher rank would change its shape
  std::size_t behind = 0;  ///< axes behind that of the channels
};

/// The node as an affine function of `input`, if it is one that keeps its shape.
Result<std::optional<Affine>> affine_of(const onnx_model::Graph& graph, const ::onnx::NodeProto& node,
                                        const std::string& input, const Channels& channels);

}  // namespace speedster::rewrite
