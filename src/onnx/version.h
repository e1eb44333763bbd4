/// Raising the operator set of a model where its meaning stays: per-channel quantization needs opset 13.
#pragma once
#include <speedster/error.h>

#include <cstdint>

#include "onnx/model.h"

namespace speedster::onnx_model {

/// Raises the default domain from opset 11 or 12 to 13 (others are left alone if they are already there): axes of Squeeze,
/// Unsqueeze and ReduceSum and sizes of Split become inputs, Softmax and its kin lose their implicit flattening, Dropout loses
/// its attributes. Kind unsupported, naming the operator, where a model is older than 11 or an operator in a subgraph would
/// have to change.
Result<void> raise_opset_to_13(OnnxModel& model);

}  // namespace speedster::onnx_model
