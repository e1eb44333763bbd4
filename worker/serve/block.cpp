#include "worker/serve/block.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <ctime>
#include <random>
#include <thread>

#include "base/clock.h"

namespace speedster::worker {
namespace {

constexpr double kShortCall = 50e-6, kBatchSeconds = 200e-6;
/// Room for stamps is made before the clock starts; a block that fills it ends early.
constexpr std::size_t kMaxStamps = 100'000;

double cpu_seconds(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::uint64_t major_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_majflt);
}

/// What a host does between two calls of a model: it reads and writes as much memory as the last cache holds.
class HostJob {
 public:
  /// Of so many callers, which fill the cache together.
  void prepare(int callers) {
    constexpr long kLeast = 4L << 20, kMost = 64L << 20;
    const long cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);  // 0 or -1 where nobody tells
    memory_.assign(static_cast<std::size_t>(std::clamp(cache, kLeast, kMost) / std::max(callers, 1)), 1);
  }
  void run() noexcept {
    constexpr std::size_t kLine = 64;
    const double begin = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (std::size_t i = 0; i < memory_.size(); i += kLine) memory_[i] = static_cast<unsigned char>(memory_[i] + 1);
    seconds_ += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  }
  double seconds() const { return seconds_; }

 private:
  std::vector<unsigned char> memory_;
  double seconds_ = 0;
};

/// What a caller calls with next.
class Turns {
 public:
  Turns(const CallInputs& inputs, std::size_t first) : inputs_(inputs), next_(first % inputs.samples.size()) {
    const std::size_t shapes = inputs.shares.size();
    if (shapes == 0) return;
    samples_of_.resize(shapes);
    taken_.resize(shapes, first);
    for (std::size_t i = 0; i < inputs.samples.size(); ++i) samples_of_[inputs.shape_of[i]].push_back(i);
    // As many of each shape as its share says, in an order that is drawn once and the same for all candidates: where
    // one shape follows another a runtime may have to prepare itself again, and that has to happen as often as it will.
    std::mt19937_64 random(first);
    for (std::size_t s = 0; s < shapes; ++s) {
      each_.push_back(s);
      deck_.insert(deck_.end(), std::max<std::size_t>(std::lround(inputs.shares[s] * kDeck), 1), s);
    }
    std::ranges::shuffle(each_, random);
    std::ranges::shuffle(deck_, random);
  }

  /// The next calls are one of each shape.
  void cover() noexcept { covered_ = 0; }
  const Inputs& next() noexcept {
    if (inputs_.mixed()) {
      shape_ = covered_ < each_.size() ? each_[covered_++] : deck_[drawn_++ % deck_.size()];
      const std::vector<std::size_t>& samples = samples_of_[shape_];
      return *inputs_.samples[samples[taken_[shape_]++ % samples.size()]];
    }
    const Inputs& sample = *inputs_.samples[next_];
    next_ = next_ + 1 == inputs_.samples.size() ? 0 : next_ + 1;
    return sample;
  }
  std::size_t shape() const { return shape_; }

 private:
  static constexpr double kDeck = 256;  // of a share of 0.4 % one
  const CallInputs& inputs_;
  std::size_t next_;
  std::vector<std::vector<std::size_t>> samples_of_;  ///< each shape
  std::vector<std::size_t> taken_;                    ///< of each shape's samples
  std::vector<std::size_t> each_, deck_;              ///< shapes
  std::size_t shape_ = 0, covered_ = SIZE_MAX, drawn_ = 0;
};

/// One caller's part of a block.
class Loop {
 public:
  Loop(Caller& caller, const CallInputs& inputs, const BlockPlan& plan, std::size_t first)
      : caller_(caller), inputs_(inputs), plan_(plan), turns_(inputs, first) {}

  /// Shapes that this caller has not seen run once, so that nothing is built or allocated for them later.
  Result<void> meet_shapes() {
    std::vector<const Inputs*> met;
    for (const Inputs* sample : inputs_.samples) {
      const bool known =
          std::any_of(met.begin(), met.end(), [&](const Inputs* other) { return other->same_shapes(*sample); });
      if (known) continue;
      met.push_back(sample);
      SPEEDSTER_TRY(caller_.run(*sample));
      SPEEDSTER_TRY(caller_.see_outputs());
    }
    return caller_.bind_outputs();
  }

  /// Warm calls; from the fastest of them follows how many are stamped together, and how many are enough.
  Result<void> warm() {
    const double begin = now_seconds();
    double fastest = HUGE_VAL;
    for (int done = 0; done < plan_.warm_calls || now_seconds() - begin < plan_.warm_seconds; ++done) {
      const double start = now_seconds();
      SPEEDSTER_TRY(detail::take(caller_.call(turns_.next())));
      fastest = std::min(fastest, now_seconds() - start);
    }
    if (std::isinf(fastest)) fastest = plan_.seconds;
    const double pace = std::max(fastest, plan_.interval_seconds);
    if (plan_.interval_seconds > 0) host_.prepare(plan_.concurrency);
    if (plan_.batches && plan_.interval_seconds <= 0 && fastest < kShortCall)
      batch_ = static_cast<int>(std::clamp(kBatchSeconds / std::max(fastest, 1e-9), 1.0, 1e5));
    required_ = pace > plan_.seconds / std::max(plan_.slow_calls, 1) ? plan_.slow_calls : plan_.calls;
    required_ = std::max(required_, static_cast<int>(inputs_.shares.size()));
    const double expected = plan_.seconds / (pace * batch_) + required_;
    stamps_.reserve(static_cast<std::size_t>(std::min(expected * 2 + 16, static_cast<double>(kMaxStamps))));
    if (inputs_.mixed()) shapes_.reserve(stamps_.capacity());
    if (plan_.each_shape) turns_.cover();
    return {};
  }

  /// The timed part: no allocation, no copy, no lock.
  void time(const std::atomic<bool>& stop) noexcept {
    const Clock::time_point begin = Clock::now();
    Clock::time_point start = begin;
    const auto least = std::chrono::duration<double>(plan_.seconds);
    while (stamps_.size() < stamps_.capacity() && !stop.load(std::memory_order_relaxed)) {
      if (plan_.interval_seconds > 0) start = wait_for_turn(start);
      const Inputs* inputs = nullptr;
      for (int i = 0; i < batch_; ++i) {
        if (i == 0 || !inputs_.mixed()) inputs = &turns_.next();  // the stamp of a mix belongs to one shape
        failure_ = caller_.call(*inputs);
        if (failure_ != nullptr) return;
      }
      const Clock::time_point end = Clock::now();
      stamps_.push_back(std::chrono::duration<double>(end - start).count() / batch_);
      if (inputs_.mixed()) shapes_.push_back(turns_.shape());
      if (plan_.interval_seconds <= 0) start = end;
      if (stamps_.size() >= static_cast<std::size_t>(required_) && end - begin >= least) break;
    }
    seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
  }

  Result<void> failed() { return detail::take(std::exchange(failure_, nullptr)); }
  const std::vector<double>& stamps() const { return stamps_; }
  const std::vector<std::size_t>& shapes() const { return shapes_; }  ///< of a mix: of each stamp
  double calls() const { return static_cast<double>(stamps_.size()) * batch_; }
  double calls_a_second() const { return calls() / seconds_; }
  double host_seconds() const { return host_.seconds(); }

 private:
  /// The host works, then waits until an interval after the previous call began. Returns when this one begins.
  Clock::time_point wait_for_turn(Clock::time_point previous) noexcept {
    host_.run();
    const auto interval =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(plan_.interval_seconds));
    std::this_thread::sleep_until(previous + interval);
    return Clock::now();
  }

  Caller& caller_;
  HostJob host_;
  const CallInputs& inputs_;
  const BlockPlan& plan_;
  Turns turns_;
  int batch_ = 1, required_ = 1;
  std::vector<double> stamps_;
  std::vector<std::size_t> shapes_;
  double seconds_ = 0;
  speedster_error* failure_ = nullptr;
};

/// All callers warm together and start together, each in a thread of its own.
Result<void> run_together(std::vector<Loop>& loops, std::uint64_t& faults, double& cpu) {
  std::atomic<bool> stop = false;
  std::vector<Result<void>> warmed(loops.size());
  std::barrier start(static_cast<std::ptrdiff_t>(loops.size()), [&]() noexcept {
    faults = major_faults();
    cpu = cpu_seconds();
  });
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < loops.size(); ++i)
    threads.emplace_back([&, i] {
      warmed[i] = loops[i].warm();
      if (!warmed[i]) stop = true;
      start.arrive_and_wait();
      loops[i].time(stop);
    });
  for (std::thread& thread : threads) thread.join();
  faults = major_faults() - faults;
  cpu = cpu_seconds() - cpu;
  for (Result<void>& result : warmed) SPEEDSTER_TRY(std::move(result));
  return {};
}

/// Seconds a call of a mix: the mean of each shape, by its share.
Result<double> mixed_value(const std::vector<Loop>& loops, const std::vector<double>& shares) {
  std::vector<double> seconds(shares.size()), calls(shares.size());
  for (const Loop& loop : loops)
    for (std::size_t i = 0; i < loop.stamps().size(); ++i) {
      seconds[loop.shapes()[i]] += loop.stamps()[i];
      calls[loop.shapes()[i]] += 1;
    }
  double value = 0;
  for (std::size_t s = 0; s < shares.size(); ++s) {
    if (calls[s] == 0) return Error(ErrorKind::kInternal, "[serve] expected a call of each shape, got none of one");
    value += shares[s] * seconds[s] / calls[s];
  }
  return value;
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const std::size_t middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle), values.end());
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle] + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle))) / 2;
}

Result<BlockTimes> run_block(Loaded& loaded, const CallInputs& inputs, const BlockPlan& plan) {
  const auto callers = static_cast<std::size_t>(std::clamp(plan.concurrency, 1, 1024));
  const double cpu_before = cpu_seconds();
  SPEEDSTER_TRY(loaded.need_callers(callers));
  std::vector<Loop> loops;
  loops.reserve(callers);
  for (std::size_t i = 0; i < callers; ++i) {
    loops.emplace_back(loaded.caller(i), inputs, plan, i);
    SPEEDSTER_TRY(loops.back().meet_shapes());
  }
  BlockTimes times;
  double cpu = 0;
  if (callers == 1) {
    const std::atomic<bool> never = false;
    SPEEDSTER_TRY(loops[0].warm());
    times.major_faults = major_faults();
    cpu = cpu_seconds();
    loops[0].time(never);
    cpu = cpu_seconds() - cpu;
    times.major_faults = major_faults() - times.major_faults;
  } else {
    SPEEDSTER_TRY(run_together(loops, times.major_faults, cpu));
  }
  double throughput = 0, calls = 0;
  for (Loop& loop : loops) {
    SPEEDSTER_TRY(loop.failed());
    times.calls.insert(times.calls.end(), loop.stamps().begin(), loop.stamps().end());
    throughput += loop.calls_a_second();
    calls += loop.calls();
    cpu -= loop.host_seconds();
  }
  times.call_cpu_seconds = std::max(cpu, 0.0) / calls;
  times.value =
      callers == 1 || plan.interval_seconds > 0 ? median(times.calls) : static_cast<double>(callers) / throughput;
  if (inputs.mixed() && plan.each_shape) {
    SPEEDSTER_ASSIGN(times.value, mixed_value(loops, inputs.shares));
    times.calls.clear();
  }
  times.cpu_seconds = cpu_seconds() - cpu_before;
  return times;
}

}  // namespace speedster::worker
