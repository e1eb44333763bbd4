/// Weights alone in 4 or 8 bits, with a scale for each block of a column: for models whose time goes into reading
/// weights. The graph has com.microsoft.MatMulNBits, which ONNX Runtime computes.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "compressor/quantize.h"

namespace speedster::compressor {

struct WeightOnlyOptions {
  int bits = 4;    ///< or 8
  int block = 32;  ///< inputs of a column that share a scale: a power of two, 16 at least
  bool integer =
      true;  ///< the runtime may round activations to 8 bits, block by block (accuracy_level 4); else float32
  std::set<std::string> exclude_nodes;
  std::vector<std::string> exclude_patterns;
};

/// MatMul and Gemm with constant 2-D weights of at least one block. Kinds: usage (bits, block), unsupported (quantized
/// already), bad input (weights that are not finite).
Result<QuantizationSummary> quantize_weights(onnx_model::OnnxModel& model, const WeightOnlyOptions& options);

/// The columns of a [K, N] matrix as MatMulNBits stores them (github.com/microsoft/onnxruntime,
/// docs/ContribOperators.md): value ≈ (q - 2^(bits-1)) · scale, where the largest value of a block, with its sign, is
/// -2^(bits-1) scales.
struct PackedWeight {
  Tensor values;              ///< uint8 [N, blocks, block · bits / 8], the first of a pair in the low half
  std::vector<float> scales;  ///< [N · blocks]
};
Result<PackedWeight> pack_columns(const Tensor& weight, int bits, int block);

}  // namespace speedster::compressor
