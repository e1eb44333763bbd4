/// Foretells the shapes of outputs, so that a vendor that wants an output's memory before it runs can be given the
/// caller's.
#pragma once
#include <speedster/backend.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace speedster::plugin {

using Shape = std::vector<std::int64_t>;
/// Shapes of all inputs, one after another, each led by its rank.
using ShapeKey = std::vector<std::int64_t>;
/// For each output its shape, or nothing where it is not foretold.
using Shapes = std::vector<std::optional<Shape>>;

/// Remembers which output shapes came of which input shapes. Any thread.
class ShapeMemory {
 public:
  /// `value_dependent`: outputs whose shape may depend on the inputs' values (missing entries count as yes).
  ShapeMemory(const sp_signature& signature, std::vector<bool> value_dependent)
      : signature_(signature), value_dependent_(std::move(value_dependent)) {
    value_dependent_.resize(signature.outputs, true);
  }

  Shapes foretell(const ShapeKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = shapes_.find(key);
    return found == shapes_.end() ? Shapes(signature_.outputs) : found->second;
  }
  /// The shapes that an execution gave. Kept is what will come again: where the graph proves it, or where the shape is
  /// the declared one. (A declaration alone proves nothing: vendors only warn where it is wrong.)
  void remember(const ShapeKey& key, Shapes shapes) {
    for (std::size_t i = 0; i < shapes.size(); ++i)
      if (shapes[i] && value_dependent_[i] && !declared(i, *shapes[i])) shapes[i].reset();
    const std::lock_guard lock(mutex_);
    if (shapes_.size() >= kLimit) shapes_.clear();
    shapes_[key] = std::move(shapes);
  }

 private:
  static constexpr std::size_t kLimit = 1024;

  bool declared(std::size_t output, const Shape& shape) const {
    const sp_tensor_info& info = *signature_.output[output];
    return info.rank == static_cast<std::int32_t>(shape.size()) && std::equal(shape.begin(), shape.end(), info.shape);
  }

  const sp_signature& signature_;
  std::vector<bool> value_dependent_;
  mutable std::mutex mutex_;
  std::map<ShapeKey, Shapes> shapes_;
};

}  // namespace speedster::plugin
