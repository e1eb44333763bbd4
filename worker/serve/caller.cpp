#include "worker/serve/caller.h"

namespace speedster::worker {

Result<Caller> Caller::create(const Learner& learner) {
  SPEEDSTER_ASSIGN(Context context, learner.context());
  return Caller(std::move(context), static_cast<std::uint32_t>(learner.outputs().size()));
}

Result<void> Caller::bind_outputs(const std::vector<OwnedSample>& samples) {
  for (std::uint32_t i = 0; i < outputs_; ++i) SPEEDSTER_TRY(context_.unbind_output(i));
  memory_.clear();
  std::vector<Tensor> largest(outputs_);
  for (const OwnedSample& sample : samples) {
    SPEEDSTER_TRY(bind(sample));
    SPEEDSTER_TRY(context_.run());
    for (std::uint32_t i = 0; i < outputs_; ++i) {
      SPEEDSTER_ASSIGN(const TensorView view, context_.output(i));
      if (largest[i].bytes() < view.bytes() || largest[i].data() == nullptr)
        largest[i] = Tensor(view.dtype, Shape(view.shape.begin(), view.shape.end()));
    }
  }
  memory_ = std::move(largest);
  for (std::uint32_t i = 0; i < outputs_; ++i) SPEEDSTER_TRY(context_.bind_output(i, memory_[i].view()));
  next_ = 0;
  return {};
}

}  // namespace speedster::worker
