/// The interface of a model: named inputs and outputs with dtype and symbolic shape, and the JSON form of it.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace speedster {

/// One axis: fixed (`value` >= 0), or dynamic with an optional symbolic name and an optional declared range.
struct Axis {
  std::int64_t value = -1;
  std::string name;                           ///< "batch"; empty where the model gives none
  std::optional<std::int64_t> min, opt, max;  ///< declared by the user or seen in the samples

  bool dynamic() const { return value < 0; }
  friend bool operator==(const Axis&, const Axis&) = default;
};

struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<Axis> axes;
  bool unknown_rank = false;

  /// Dimensions with -1 for dynamic axes.
  Shape shape() const;
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;

  const TensorSpec* input(std::string_view name) const;
  const TensorSpec* output(std::string_view name) const;
  friend bool operator==(const Signature&, const Signature&) = default;
};

/// What tells axes that move together: the symbolic name of a dynamic axis; without one it moves alone ("images.3").
std::string axis_key(const TensorSpec& spec, std::size_t index);
/// The sizes that shapes of some inputs give to dynamic axes, by axis_key().
std::map<std::string, std::int64_t> axis_sizes(const Signature& signature, const std::map<std::string, Shape>& shapes);

/// "images float32 [batch, 3, 48, width]".
std::string describe(const TensorSpec& spec);

Json to_json(const Signature& signature);
/// Kind corrupt for anything that to_json() would not write; at most 1024 tensors of rank at most 32.
Result<Signature> signature_from_json(const Json& json, std::string_view who);

}  // namespace speedster
