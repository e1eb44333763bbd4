/// A machine with a virtual clock and noise as one likes it: thousands of searches run in seconds.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "measure/block_policy.h"
#include "measure/race.h"

namespace speedster::measure {

/// Standard deviations are of logarithms.
struct Noise {
  double load_sd = 0, block_sd = 0;
  double drift_sd = 0;           ///< common to neighbours in time: a random walk's step per second
  double burst_every = 0;        ///< mean seconds between bursts of a neighbour; 0 = none
  double burst_seconds = 2;      ///< mean length of a burst
  double burst_slowdown = 0.35;  ///< mean log slow-down within one
  double always_foreign = 0;     ///< share of core time that others always take
  bool hidden = false;           ///< bursts are those of a neighbour on the same core of the host: always as slow, and
                                 ///< in no account of this machine
};

class FakeMachine {
 public:
  FakeMachine(const Noise& noise, std::uint64_t seed) : noise_(noise), random_(seed) { next_burst(); }

  double now() const { return clock_; }
  double normal(double sd) { return sd * std::normal_distribution<double>()(random_); }
  double exponential(double of_mean) { return std::exponential_distribution<double>(1 / of_mean)(random_); }
  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
  const Noise& noise() const { return noise_; }

  /// Time goes on; returns the share of it that fell into bursts.
  double pass(double seconds) {
    const double begin = clock_;
    clock_ += seconds;
    drift_ += normal(noise_.drift_sd * std::sqrt(seconds));
    double disturbed = 0;
    while (noise_.burst_every > 0 && burst_begin_ < clock_) {
      disturbed += std::max(0.0, std::min(burst_end_, clock_) - std::max(burst_begin_, begin));
      if (burst_end_ > clock_) break;
      next_burst();
    }
    foreign_seconds_ += (noise_.hidden ? 0 : disturbed / 2) + noise_.always_foreign * seconds;
    return seconds > 0 ? disturbed / seconds : 0;
  }
  double drift() const { return drift_; }

  ForeignShare foreign() {
    return [this, at = clock_, seconds = foreign_seconds_]() mutable {
      const double time = clock_ - at, taken = foreign_seconds_ - seconds;
      at = clock_;
      seconds = foreign_seconds_;
      return time > 0 ? taken / time : 0;
    };
  }
  Policy on(Policy policy) {
    policy.clock = [this] { return clock_; };
    policy.seed = random_();
    return policy;
  }

  int blocks = 0, loads = 0, live = 0, most_live = 0, most_callers = 0;

 private:
  void next_burst() {
    if (noise_.burst_every <= 0) return;
    burst_begin_ = std::max(burst_end_, clock_) + exponential(noise_.burst_every);
    burst_end_ = burst_begin_ + exponential(noise_.burst_seconds);
  }

  Noise noise_;
  std::mt19937_64 random_;
  double clock_ = 1000, drift_ = 0, burst_begin_ = 0, burst_end_ = 0, foreign_seconds_ = 0;
};

/// What a fake candidate does beside taking its time.
struct FakeModel {
  double call_seconds = 0.02, load_seconds = 0.4;
  int fails_at_block = -1;  ///< counted over all loads
  int slow_blocks = 0;      ///< the first ones take twice as long
  bool fails_to_load = false;
  std::uint64_t major_faults = 0;
};

class FakeRunner final : public Runner {
 public:
  FakeRunner(FakeMachine& machine, std::shared_ptr<FakeModel> model)
      : machine_(machine), model_(std::move(model)), load_effect_(machine.normal(machine.noise().load_sd)) {
    machine_.most_live = std::max(machine_.most_live, ++machine_.live);
  }
  ~FakeRunner() override { --machine_.live; }
  FakeRunner(const FakeRunner&) = delete;
  FakeRunner& operator=(const FakeRunner&) = delete;

  Result<Block> block(const BlockSpec& spec) override {
    ++machine_.blocks;
    machine_.most_callers = std::max(machine_.most_callers, spec.concurrency);
    if (model_->fails_at_block >= 0 && model_->fails_at_block-- == 0)
      return Error(ErrorKind::kCrashed, "[fake] expected an answer, got signal 11");
    const double effect = load_effect_ + machine_.normal(machine_.noise().block_sd) + machine_.drift();
    double call = model_->call_seconds * std::exp(effect);
    if (model_->slow_blocks > 0) --model_->slow_blocks, call *= 2;
    const double disturbed = machine_.pass(block_seconds(spec, call));
    const double slowdown = machine_.noise().burst_slowdown;
    if (disturbed > 0)
      call *= std::exp(disturbed * (machine_.noise().hidden ? slowdown : machine_.exponential(slowdown)));
    Block block;
    block.value = call;
    block.calls.assign(3, call);
    block.major_faults = model_->major_faults;
    return block;
  }

 private:
  FakeMachine& machine_;
  std::shared_ptr<FakeModel> model_;
  double load_effect_;
};

inline Load fake_load(FakeMachine& machine, std::shared_ptr<FakeModel> model) {
  return [&machine, model]() -> Result<Loaded> {
    ++machine.loads;
    machine.pass(model->load_seconds);
    if (model->fails_to_load) return Error(ErrorKind::kVendor, "[fake] expected a model, got rubbish");
    return Loaded{std::make_unique<FakeRunner>(machine, model), model->load_seconds};
  };
}

inline Entrant fake_entrant(FakeMachine& machine, std::string name, const FakeModel& model) {
  Entrant entrant;
  entrant.name = std::move(name);
  entrant.load = fake_load(machine, std::make_shared<FakeModel>(model));
  return entrant;
}

}  // namespace speedster::measure
