/// One caller of a learner: checks bindings against the signature and goes straight to the plug-in to run.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "learner/learner.h"

namespace speedster::learner {

class Context {
 public:
  static Result<Context> create(std::shared_ptr<const Learner> learner);

  /// dtype, rank and fixed dimensions must match the signature; strides may be NULL or those of contiguous memory.
  Result<void> bind_input(std::uint32_t index, const DLTensor* tensor);
  Result<void> bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity);
  Result<void> reshape_input(std::uint32_t index, std::span<const std::int64_t> shape);
  /// The steady state: nothing between the caller and the plug-in but this call.
  sp_error* execute() { return table_->execute(raw_, nullptr); }
  Result<void> output(std::uint32_t index, DLTensor* view, int* in_bound_memory);
  Result<DLManagedTensorVersioned*> take_output(std::uint32_t index);
  Result<void> cancel();
  Result<Json> profile();
  /// Who an error of `execute` comes from.
  std::string who() const;

 private:
  static constexpr std::size_t kMaxRank = 32;
  /// Shape and strides in memory of ours, as callers may let theirs go after binding.
  struct Binding {
    std::array<std::int64_t, kMaxRank> shape{}, strides{};
  };

  explicit Context(std::shared_ptr<const Learner> learner, backend::Context context);
  static Result<void> check(const TensorSpec& spec, const DLTensor& tensor, bool fixed_dimensions);
  static DLTensor keep(const DLTensor& tensor, Binding& binding);

  std::shared_ptr<const Learner> learner_;
  backend::Context context_;
  const sp_backend* table_;
  sp_context* raw_;
  std::vector<Binding> inputs_, outputs_;
};

}  // namespace speedster::learner
