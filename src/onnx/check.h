/// What makes a parsed proto a graph that can be worked on.
#pragma once
#include <speedster/error.h>

#include "onnx/storage.h"

namespace speedster::onnx_model {

/// Every node has an operator and an output, every value one producer, every use has a producer, no node depends on
/// itself, every tensor holds what its shape claims, and external files are there. Kind bad input, with the names of
/// node and value.
Result<void> check_model(const ::onnx::ModelProto& model, const Storage& storage);

}  // namespace speedster::onnx_model
