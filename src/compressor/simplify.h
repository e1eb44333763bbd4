/// Rewrites of the graph that keep its meaning to rounding: what quantization needs before it, and what makes full
/// precision faster, too (ONNX Runtime does not fold scalars into convolutions, and runs a spelled-out hard-swish as
/// four operators).
#pragma once
#include <speedster/error.h>

#include <cstddef>
#include <string>

#include "onnx/graph.h"
#include "onnx/model.h"

namespace speedster::compressor {

struct Simplification {
  std::size_t folded_after = 0;   ///< BatchNormalization, Mul, Div, Add, Sub folded into the convolution before them
  std::size_t folded_before = 0;  ///< Mul, Div, Add, Sub folded into the convolution or MatMul after them
  std::size_t activations = 0;    ///< spelled-out activations that became one operator
  std::size_t total() const { return folded_after + folded_before + activations; }
};

/// Folds and fuses in the main graph; values that remain keep their names, so do nodes. Weights that other nodes share
/// are copied, not changed. The opset is raised to 14 where HardSwish is introduced and the model allows it.
Result<Simplification> simplify(onnx_model::OnnxModel& model);

/// The parts of it, on an index; the count of rewrites.
Result<std::size_t> fold_after_convolutions(onnx_model::Graph& graph);
Result<std::size_t> fold_before_convolutions(onnx_model::Graph& graph);

}  // namespace speedster::compressor
