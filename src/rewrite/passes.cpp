#include "rewrite/passes.h"

namespace speedster::rewrite {

std::span<const Pass> passes() {
  // Activations before folding: the sum that begins a lone hard-sigmoid would go into the convolution before it.
  static constexpr Pass kPasses[] = {
      {"hard-activations", "hard-swish and hard-sigmoid that are written out become one operator",
       fuse_hard_activations},
      {"affine-after", "batch normalization, scales and shifts go into the Conv, MatMul or Gemm before them",
       fold_affine_after},
      {"affine-before", "scales and shifts go into the convolution behind them", fold_affine_before},
  };
  return kPasses;
}

}  // namespace speedster::rewrite
