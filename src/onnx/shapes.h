/// Shapes of single operators: what value_types() propagates.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/signature.h"

namespace onnx {
class NodeProto;
}

namespace speedster::onnx_model {

using Axes = std::vector<Axis>;

/// What is known of a node's inputs, by index.
struct ShapeInputs {
  std::function<const Axes*(int)> axes;                                   ///< null where the rank is not known
  std::function<std::optional<std::vector<std::int64_t>>(int)> integers;  ///< of a constant of few int64
};

/// The axes of the first output, as far as they follow from the inputs; nothing where not even the rank does.
/// Symbols are kept where an axis passes through.
std::optional<Axes> output_axes(const ::onnx::NodeProto& node, const ShapeInputs& inputs);

Axes fixed_axes(const Shape& shape);

}  // namespace speedster::onnx_model
