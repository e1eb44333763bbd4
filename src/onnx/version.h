/// Raising the operator set of a model where its meaning stays: per-channel quantization needs opset 13.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <string>

#include "onnx/model.h"

namespace speedster::onnx_model {

/// Raises the default domain to opset 13 or 14 (a model that is there or beyond is left alone): from 11 or 12 on, axes
/// of Squeeze, Unsqueeze and ReduceSum and sizes of Split become inputs, Softmax and its kin lose their implicit
/// flattening, Dropout its attributes. Kind unsupported, naming the operator, and the model unchanged, where it is
/// older than 11 or an operator would have to change that is in a subgraph or function or has no rule.
Result<void> raise_opset(OnnxModel& model, std::int64_t target);

/// The domain of operators that ONNX Runtime adds to the standard; OpenVINO's importer knows many of them.
inline constexpr const char* kContributed = "com.microsoft";
/// Names a domain of operators in the model, if it is not yet.
void import_domain(OnnxModel& model, const std::string& domain, std::int64_t version);

}  // namespace speedster::onnx_model
