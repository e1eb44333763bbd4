/// What an operator's kernel sees of one execution, and the table of all kernels.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reference/elements.h"
#include "reference/onnx_file.h"
#include "reference/value.h"

namespace speedster::reference {

/// Thrown between nodes, and inside long kernels, once the execution was cancelled.
struct Cancelled {};

/// One execution of one node. Kernels allocate nothing but values of the pool, so that a repeated execution allocates
/// nothing at all.
class Call {
 public:
  Call(const Node& node, std::int64_t opset, std::span<const Value* const> inputs, std::span<Value> outputs, Pool& pool,
       bool (*cancelled)(void*), void* user)
      : node_(node),
        opset_(opset),
        inputs_(inputs),
        outputs_(outputs),
        pool_(pool),
        cancelled_(cancelled),
        user_(user) {}

  const Node& node() const { return node_; }
  std::int64_t opset() const { return opset_; }
  int inputs() const { return static_cast<int>(inputs_.size()); }
  /// Places for outputs: at least the operator's maximum, wanted or not.
  int outputs() const { return static_cast<int>(outputs_.size()); }
  bool has(int input) const { return input < inputs() && inputs_[static_cast<std::size_t>(input)] != nullptr; }
  /// SP_SHAPE where it is absent.
  const Value& in(int input) const;
  /// Output `index` as a new tensor.
  Value& out(int index, Type type, const Shape& shape) {
    return outputs_[static_cast<std::size_t>(index)] = Value(type, shape, pool_);
  }
  /// Output `index` as a view of another tensor.
  void alias(int index, const Value& value) { outputs_[static_cast<std::size_t>(index)] = value; }
  /// Working memory; SP_MEMORY where its size does not fit.
  template <typename T>
  std::span<T> scratch(Value& holder, std::int64_t count) {
    std::int64_t bytes = 0;
    if (count < 0 || __builtin_mul_overflow(count, static_cast<std::int64_t>(sizeof(T)), &bytes)) too_large(count);
    holder = Value(Type::kUInt8, Shape{bytes}, pool_);
    return {holder.as<T>(), static_cast<std::size_t>(count)};
  }

  /// The attribute `axis`, or `value`, counted from 0; SP_SHAPE outside [0, rank).
  int axis(std::int64_t value, int rank) const;
  /// A tensor of integers (a shape, axes, starts); SP_SHAPE for another type or more than `limit` elements.
  Shape integers(int input, int limit = kMaxRank) const;
  /// One element of a tensor of integers of any length.
  std::int64_t integer_at(int input, std::int64_t index) const;
  /// Axes of input `input` if it is there, else of the attribute; each counted from 0.
  Shape axes(int input, std::string_view attribute, int rank) const;

  /// Ends the execution if it was cancelled; for kernels to call once a row or plane.
  void poll() const {
    if (cancelled_(user_)) throw Cancelled{};
  }
  /// SP_SHAPE: "[reference] expected X for 'node' (Op), got Y".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
  /// SP_UNSUPPORTED for a type that this operator's kernel does not take.
  [[noreturn]] void unsupported(const std::string& what) const;
  void require_type(bool visited, Type type) const {
    if (!visited) unsupported("values of " + type_name(type));
  }

 private:
  [[noreturn]] void too_large(std::int64_t count) const;

  const Node& node_;
  std::int64_t opset_;
  std::span<const Value* const> inputs_;
  std::span<Value> outputs_;
  Pool& pool_;
  bool (*cancelled_)(void*);
  void* user_;
};

using Kernel = void (*)(Call&);

/// How the type of a first output follows from a node, for the precision that `stats` names.
enum class ResultType { kSameAsFirst, kSameAsSecond, kBool, kInt64, kInt32, kUInt8, kAttribute, kThirdOrUInt8 };

struct Operator {
  std::string_view name;
  Kernel kernel;
  int min_inputs;
  int max_outputs;
  ResultType result = ResultType::kSameAsFirst;
  bool integer_arithmetic = false;  ///< counts as int8 in stats
};

/// The operator's row, or NULL. Only the default domain is known, and of com.microsoft Gelu and FastGelu.
const Operator* find_operator(const Node& node);

// The kernels, by file. Each takes what its ONNX operator takes; element types that it does not know are
// SP_UNSUPPORTED.
std::span<const Operator> elementwise_operators();
std::span<const Operator> logic_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> linear_operators();
std::span<const Operator> convolution_operators();
std::span<const Operator> pooling_operators();
std::span<const Operator> normalization_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> index_operators();
std::span<const Operator> quantization_operators();

}  // namespace speedster::reference
