#include "rewrite/passes.h"

namespace speedster::rewrite {

std::span<const Pass> passes() {
  // What stands between two nodes goes first, so that the others see them side by side. Activations before folding: the
  // sum that begins a lone hard-sigmoid would go into the convolution before it.
  static constexpr Pass kPasses[] = {
      {"dead-ends", "nodes and weights that no output depends on go", remove_dead_ends},
      {"no-ops", "Identity, idle Dropout and Cast, times one, plus zero, and pairs of Transpose go", remove_no_ops},
      {"constants", "nodes that depend on constants alone are computed beforehand", fold_constants},
      {"hard-activations", "hard-swish and hard-sigmoid that are written out become one operator",
       fuse_hard_activations},
      {"gelu", "GELU that is written out becomes one operator", fuse_gelu},
      {"affine-after", "batch normalization, scales and shifts go into the Conv, MatMul or Gemm before them",
       fold_affine_after},
      {"affine-before", "scales and shifts go into the convolution behind them", fold_affine_before},
      {"duplicates", "weights with the same values are stored once", merge_duplicates},
  };
  return kPasses;
}

}  // namespace speedster::rewrite
