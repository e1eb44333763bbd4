#include "worker/serve/timed_block.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <thread>

#include "base/clock.h"

namespace speedster::worker {
namespace {

// Below this a stamp costs too much of what it stamps.
constexpr double kBatchSeconds = 50e-6;
// A model is slow when the usual number of calls would take this many times the usual time.
constexpr double kSlowFactor = 4;
constexpr std::size_t kMaxStamps = 100000;

double cpu_seconds(const rusage& usage) {
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// What the process used between construction and `finish`.
class Usage {
 public:
  Usage() { ::getrusage(RUSAGE_SELF, &begin_); }
  void finish(BlockReply& reply) const {
    rusage end{};
    ::getrusage(RUSAGE_SELF, &end);
    reply.major_faults = static_cast<std::uint64_t>(end.ru_majflt - begin_.ru_majflt);
    reply.cpu_seconds = cpu_seconds(end) - cpu_seconds(begin_);
  }

 private:
  rusage begin_{};
};

/// Warm calls; the answer is the seconds of one, from the last of them.
Result<double> warm(Caller& caller, const std::vector<OwnedSample>& samples, int calls, double seconds) {
  const double begin = now_seconds();
  double last = 0;
  for (int i = 0; i < calls || now_seconds() - begin < seconds; ++i) {
    const double start = now_seconds();
    SPEEDSTER_TRY(caller.call(samples));
    last = now_seconds() - start;
  }
  return last;
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

struct Plan {
  int calls;
  double seconds;
  int batch;
};

Plan plan_of(const BlockRequest& request, double call_seconds) {
  const bool slow = call_seconds * request.calls > kSlowFactor * request.seconds;
  Plan plan{slow ? request.slow_calls : request.calls, slow ? 0 : request.seconds, 1};
  if (call_seconds < kBatchSeconds) plan.batch = static_cast<int>(std::ceil(kBatchSeconds / std::max(call_seconds, 1e-7)));
  return plan;
}

/// Calls until both the number and the time are reached; one stamp a batch.
Result<void> stamped_loop(Caller& caller, const std::vector<OwnedSample>& samples, const Plan& plan, std::vector<double>& stamps) {
  const double begin = now_seconds();
  double last = begin;
  for (int done = 0; (done < plan.calls || last - begin < plan.seconds) && stamps.size() < stamps.capacity(); ++done) {
    for (int i = 0; i < plan.batch; ++i) SPEEDSTER_TRY(caller.call(samples));
    const double now = now_seconds();
    stamps.push_back((now - last) / plan.batch);
    last = now;
  }
  return {};
}

std::size_t stamps_for(const Plan& plan, double call_seconds) {
  const double expected = plan.seconds / std::max(call_seconds * plan.batch, 1e-6);
  return std::min(kMaxStamps, static_cast<std::size_t>(4 * expected) + static_cast<std::size_t>(plan.calls) + 16);
}

Result<BlockReply> latency_block(Caller& caller, const std::vector<OwnedSample>& samples, const BlockRequest& request) {
  SPEEDSTER_ASSIGN(const double call_seconds, warm(caller, samples, request.warm_calls, request.warm_seconds));
  const Plan plan = plan_of(request, call_seconds);
  BlockReply reply;
  reply.calls.reserve(stamps_for(plan, call_seconds));
  const Usage usage;
  SPEEDSTER_TRY(stamped_loop(caller, samples, plan, reply.calls));
  usage.finish(reply);
  reply.value = median_of(reply.calls);
  return reply;
}

/// N closed loops for one window. Each caller warms up first; the window opens for all at once.
Result<BlockReply> throughput_block(std::vector<Caller>& callers, const std::vector<OwnedSample>& samples, const BlockRequest& request) {
  struct Lane {
    std::vector<double> stamps;
    Result<void> result;
    double end = 0;
  };
  SPEEDSTER_ASSIGN(const double call_seconds, warm(callers.front(), samples, request.warm_calls, request.warm_seconds));
  Plan plan = plan_of(request, call_seconds);
  const double window = std::max(request.seconds, plan.calls * call_seconds);
  std::vector<Lane> lanes(callers.size());
  std::atomic<double> begin{0};
  std::atomic<bool> failed{false};
  std::barrier gate(static_cast<std::ptrdiff_t>(callers.size()), [&]() noexcept { begin = now_seconds(); });
  const Usage usage;
  {
    std::vector<std::jthread> threads;
    for (std::size_t lane = 0; lane < callers.size(); ++lane)
      threads.emplace_back([&, lane] {
        Lane& mine = lanes[lane];
        mine.stamps.reserve(stamps_for(plan, call_seconds) * 2);
        callers[lane].start_at(lane % samples.size());
        auto warmed = warm(callers[lane], samples, request.warm_calls, request.warm_seconds);
        if (!warmed.ok()) {
          mine.result = std::move(warmed).error();
          failed = true;
        }
        gate.arrive_and_wait();
        double last = begin;
        while (!failed && last - begin < window && mine.stamps.size() < mine.stamps.capacity()) {
          mine.result = callers[lane].call(samples);
          if (!mine.result.ok()) failed = true;
          const double now = now_seconds();
          mine.stamps.push_back(now - last);
          last = now;
        }
        mine.end = last;
      });
  }
  BlockReply reply;
  usage.finish(reply);
  // Each lane's own rate over its own time: the last call of a lane may end after the window.
  double rate = 0;
  for (Lane& lane : lanes) {
    if (!lane.result.ok()) return std::move(lane.result).error();
    if (lane.stamps.empty() || lane.end <= begin) return Error(ErrorKind::kInternal, "[serve] expected calls in the window, got none");
    rate += static_cast<double>(lane.stamps.size()) / (lane.end - begin);
    reply.calls.insert(reply.calls.end(), lane.stamps.begin(), lane.stamps.end());
  }
  reply.value = static_cast<double>(callers.size()) / rate;
  return reply;
}

}  // namespace

Result<BlockReply> timed_block(std::vector<Caller>& callers, const std::vector<OwnedSample>& samples, const BlockRequest& request) {
  if (callers.empty() || samples.empty()) return Error(ErrorKind::kInternal, "[serve] expected callers and samples to time");
  return callers.size() == 1 ? latency_block(callers.front(), samples, request) : throughput_block(callers, samples, request);
}

Result<std::vector<double>> timed_calls(Caller& caller, const std::vector<OwnedSample>& samples, int calls) {
  if (auto warmed = warm(caller, samples, 3, 0.02); !warmed.ok()) return std::move(warmed).error();
  std::vector<double> stamps;
  stamps.reserve(static_cast<std::size_t>(std::max(calls, 0)));
  double last = now_seconds();
  for (int i = 0; i < calls; ++i) {
    SPEEDSTER_TRY(caller.call(samples));
    const double now = now_seconds();
    stamps.push_back(now - last);
    last = now;
  }
  return stamps;
}

}  // namespace speedster::worker
