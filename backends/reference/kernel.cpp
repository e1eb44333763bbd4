#include "reference/kernel.h"

namespace speedster::reference {

using plugin::Failure;

const Value& Call::in(int input) const {
  if (!has(input)) fail("input " + std::to_string(input), "none");
  return *inputs_[static_cast<std::size_t>(input)];
}

int Call::axis(std::int64_t value, int rank) const {
  const std::int64_t axis = value < 0 ? value + rank : value;
  if (axis < 0 || axis >= rank) fail("an axis of rank " + std::to_string(rank), std::to_string(value));
  return static_cast<int>(axis);
}

Shape Call::integers(int input, int limit) const {
  const Value& value = in(input);
  if (value.shape().rank() > 1 || value.count() > limit)
    fail("at most " + std::to_string(limit) + " integers", value.shape().text());
  Shape numbers;
  for (std::int64_t i = 0; i < value.count(); ++i) numbers.push_back(integer_at(input, i));
  return numbers;
}

std::int64_t Call::integer_at(int input, std::int64_t index) const {
  const Value& value = in(input);
  if (index >= value.count()) fail("an integer at " + std::to_string(index), value.shape().text());
  if (value.type() == Type::kInt64) return value.as<std::int64_t>()[index];
  if (value.type() != Type::kInt32) fail("integers", type_name(value.type()));
  return value.as<std::int32_t>()[index];
}

Shape Call::axes(int input, std::string_view attribute, int rank) const {
  Shape axes = has(input) ? integers(input) : Shape(node_.integers(attribute));
  for (int i = 0; i < axes.rank(); ++i) axes[i] = axis(axes[i], rank);
  return axes;
}

void Call::fail(const std::string& expected, const std::string& got) const {
  throw Failure(SP_SHAPE, "[reference] expected " + expected + " for '" + node_.name + "' (" + operator_name(node_) +
                              "), got " + got);
}

void Call::unsupported(const std::string& what) const {
  throw Failure(SP_UNSUPPORTED, "[reference] expected what the kernel of '" + node_.name + "' (" +
                                    operator_name(node_) + ") takes, got " + what);
}

void Call::too_large(std::int64_t count) const {
  throw Failure(SP_MEMORY, "[reference] expected working memory that fits for '" + node_.name + "' (" +
                               operator_name(node_) + "), got " + std::to_string(count) + " elements");
}

const Operator* find_operator(const Node& node) {
  const bool contributed = node.domain == "com.microsoft" && (node.op == "Gelu" || node.op == "FastGelu");
  if (!contributed && (!node.domain.empty() || node.op == "FastGelu")) return nullptr;
  for (const auto operators : {elementwise_operators(), logic_operators(), reduction_operators(), linear_operators(),
                               convolution_operators(), pooling_operators(), normalization_operators(),
                               shape_operators(), index_operators(), quantization_operators()}) {
    for (const Operator& row : operators) {
      if (row.name == node.op) return &row;
    }
  }
  return nullptr;
}

}  // namespace speedster::reference
