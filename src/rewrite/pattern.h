/// What the passes look at in a graph.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "onnx/graph.h"

namespace speedster::rewrite {

/// An operator of the default domain that has an output; false for null.
bool is_op(const ::onnx::NodeProto* node, std::string_view op);

/// The value of a float32 constant with one element and at most this rank, so that it changes no shape of a value that
/// has it.
std::optional<double> scalar(const onnx_model::Graph& graph, const std::string& value, std::size_t rank = 1);
/// Whether it is that number, but for the rounding of its float32 form.
bool is_scalar(const onnx_model::Graph& graph, const std::string& value, double expected);

using Types = std::map<std::string, TensorSpec>;
/// The rank that a value has at least: its own where that is known, else what its producer tells; 0 where nothing does.
std::size_t least_rank(const onnx_model::Graph& graph, const Types& types, const std::string& value);

/// The input of a node of two inputs that is not `value`; -1 where `value` is not exactly one of them.
int other_input(const ::onnx::NodeProto& node, const std::string& value);
/// The same as a name, empty where there is none.
std::string other(const ::onnx::NodeProto& node, const std::string& value);

/// Whether a subgraph uses the value: edits of the main graph do not reach it there.
bool is_captured(const onnx_model::Graph& graph, const std::string& value);

/// The one node that uses a value which nobody else sees; null where there is none.
::onnx::NodeProto* only_consumer(const onnx_model::Graph& graph, const std::string& value);

}  // namespace speedster::rewrite
