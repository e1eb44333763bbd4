/// Inputs on which a loaded package can be run without knowing its user's data.
#pragma once
#include "learner/context.h"

namespace speedster::learner {

/// The inputs of the package's first sample; without samples zeros, dynamic axes at their declared opt, else min,
/// else 1. In the signature's order; an optional input that the sample lacks is left out.
Result<std::vector<NamedTensor>> example_inputs(const Learner& learner);
/// Binds and runs them once.
Result<void> run_once(const std::shared_ptr<const Learner>& learner, const std::vector<NamedTensor>& inputs);
/// A host tensor as DLPack; shape and data stay the view's.
DLTensor to_dl(const TensorView& view);

}  // namespace speedster::learner
