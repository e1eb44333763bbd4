#include "learner/compare.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/clock.h"

namespace speedster::learner {
namespace {

constexpr int kTimedCalls = 10;
constexpr double kTimedSeconds = 0.2;
constexpr double kSettlingSeconds = 0.02, kBlockSeconds = 0.03;

/// Calls for `seconds`, at least once; the seconds of one.
Result<double> run_for(const Call& call, double seconds) {
  const double begin = now_seconds();
  int calls = 0;
  do {
    SPEEDSTER_TRY(call());
    ++calls;
  } while (now_seconds() - begin < seconds);
  return (now_seconds() - begin) / calls;
}

Result<double> block(const Call& call) {
  SPEEDSTER_TRY(run_for(call, kSettlingSeconds));
  return run_for(call, kBlockSeconds);
}

}  // namespace

Json to_json(const PairedRatio& ratio) { return {{"median", ratio.median}, {"low", ratio.low}, {"high", ratio.high}}; }

Result<PairedRatio> compare(const Call& first, const Call& other) {
  std::array<double, 9> ratios{};
  for (std::size_t round = 0; round < ratios.size(); ++round) {
    const bool swapped = round % 2 == 1;
    SPEEDSTER_ASSIGN(const double a, block(swapped ? other : first));
    SPEEDSTER_ASSIGN(const double b, block(swapped ? first : other));
    ratios[round] = swapped ? a / b : b / a;
  }
  std::ranges::sort(ratios);
  return PairedRatio{ratios[4], ratios[1], ratios[7]};
}

Result<double> median_seconds(const Call& call) {
  std::vector<double> calls;
  for (const double begin = now_seconds(); calls.size() < kTimedCalls || now_seconds() - begin < kTimedSeconds;) {
    const double start = now_seconds();
    SPEEDSTER_TRY(call());
    calls.push_back(now_seconds() - start);
  }
  const auto middle = calls.begin() + static_cast<std::ptrdiff_t>(calls.size() / 2);
  std::nth_element(calls.begin(), middle, calls.end());
  return *middle;
}

}  // namespace speedster::learner
