/// One caller as users are: its context, its own memory for the outputs, and a cycle of samples.
#pragma once
#include <speedster/learner.h>

#include <vector>

#include "worker/serve/samples.h"

namespace speedster::worker {

class Caller {
 public:
  static Result<Caller> create(const Learner& learner);

  /// Runs each sample once with outputs of the learner's, and binds memory that holds the largest outputs seen.
  Result<void> bind_outputs(const std::vector<OwnedSample>& samples);
  /// One call: bind the next sample, run, look at the outputs. Allocates nothing of ours.
  Result<void> call(const std::vector<OwnedSample>& samples) {
    const OwnedSample& sample = samples[next_];
    next_ = next_ + 1 == samples.size() ? 0 : next_ + 1;
    SPEEDSTER_TRY(bind(sample));
    SPEEDSTER_TRY(context_.run());
    for (std::uint32_t i = 0; i < outputs_; ++i) {
      auto view = context_.output(i);
      if (!view.ok()) return std::move(view).error();
    }
    return {};
  }
  Result<void> bind(const OwnedSample& sample) {
    for (std::uint32_t i = 0; i < sample.size(); ++i) SPEEDSTER_TRY(context_.bind_input(i, sample[i].view()));
    return {};
  }
  Context& context() { return context_; }
  void start_at(std::size_t sample) { next_ = sample; }

 private:
  Caller(Context context, std::uint32_t outputs) : context_(std::move(context)), outputs_(outputs) {}
  Context context_;
  std::uint32_t outputs_ = 0;
  std::vector<Tensor> memory_;
  std::size_t next_ = 0;
};

}  // namespace speedster::worker
