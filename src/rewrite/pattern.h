/// What the passes look at in a graph.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "onnx/graph.h"

namespace speedster::rewrite {

/// An operator of the default domain; false for null.
bool is_op(const ::onnx::NodeProto* node, std::string_view op);

/// The value of a float32 constant with one element that changes no shape: a scalar, or a vector of one.
std::optional<double> scalar(const onnx_model::Graph& graph, const std::string& value);
/// Whether it is that number, but for the rounding of its float32 form.
bool is_scalar(const onnx_model::Graph& graph, const std::string& value, double expected);

/// The input of a node of two inputs that is not `value`; -1 where `value` is not exactly one of them.
int other_input(const ::onnx::NodeProto& node, const std::string& value);
/// The same as a name, empty where there is none.
std::string other(const ::onnx::NodeProto& node, const std::string& value);

/// The one node that uses a value which nobody else sees; null where there is none.
::onnx::NodeProto* only_consumer(const onnx_model::Graph& graph, const std::string& value);

}  // namespace speedster::rewrite
