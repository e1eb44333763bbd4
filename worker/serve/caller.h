/// One caller of a learner: a context, what is bound to it, and the call as users make it. The part that is timed
/// neither allocates nor copies; it goes straight to the C interface.
#pragma once
#include <speedster/learner.h>

#include <vector>

namespace speedster::worker {

/// Inputs of one sample in memory of this process.
class Inputs {
 public:
  explicit Inputs(std::vector<Tensor> tensors);
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const std::vector<DLTensor>& bindings() const { return bindings_; }
  /// Samples of the same shapes.
  bool same_shapes(const Inputs& other) const;

 private:
  std::vector<Tensor> tensors_;
  std::vector<DLTensor> bindings_;  ///< point into tensors_
};

class Caller {
 public:
  explicit Caller(Context context, std::uint32_t outputs);
  Caller(Caller&&) noexcept = default;
  Caller& operator=(Caller&&) = delete;

  /// Binds the sample (pointers, unless it is the one that is bound), runs, and looks at every output.
  speedster_error* call(const Inputs& inputs) noexcept;
  /// The same with an error as a value, for what is not timed.
  Result<void> run(const Inputs& inputs);
  /// The outputs of the last call.
  Result<std::vector<TensorView>> outputs() const;

  /// Gives every output memory of the caller's own, large enough for all that was seen so far.
  Result<void> bind_outputs();
  /// Leaves the outputs to the context again.
  Result<void> release_outputs();
  /// Notes the sizes of the outputs of the last call.
  Result<void> see_outputs();
  Result<std::string> profile() { return context_.profile(); }

 private:
  struct Output {
    DType dtype = DType::kFloat32;
    Shape shape;  ///< of the largest seen
    std::size_t bytes = 0;
    Tensor memory;
    bool bound = false;
  };
  Context context_;
  const Inputs* bound_ = nullptr;
  std::vector<Output> outputs_;
};

}  // namespace speedster::worker
