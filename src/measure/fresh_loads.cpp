#include "measure/fresh_loads.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "measure/block_policy.h"

namespace speedster::measure {
namespace {

constexpr std::size_t kMostCalls = 4000;
constexpr double kUnknownLoad = 0.2;

}  // namespace

FreshLoads::Costs FreshLoads::costs(std::span<Timed* const> timed) const {
  Costs sum;
  for (const Timed* one : timed) {
    if (one->seat.error) continue;
    sum.loads += one->expected_load > 0 ? one->expected_load : kUnknownLoad;
    sum.blocks += rounds_.expected_block(one->seat);
  }
  return sum;
}

double FreshLoads::least_seconds(std::span<Timed* const> timed) const {
  const Costs one = costs(timed);
  return one.loads + one.blocks;
}

double FreshLoads::expected_seconds(std::span<Timed* const> timed) const {
  const Costs one = costs(timed);
  return one.loads + blocks() * one.blocks;
}

Variance FreshLoads::expected_value() const {
  const Variance block = moderate({block_df_ > 0 ? block_squares_ / block_df_ : 0, block_df_},
                                  {policy_.block_sd * policy_.block_sd, policy_.expectation_df});
  return {policy_.load_sd * policy_.load_sd + block.value / blocks(), policy_.expectation_df};
}

Variance FreshLoads::expected_difference() const {
  const Variance one = expected_value();
  return {2 * one.value, one.df};
}

/// The best number for the costs, or as many as let the fewest loads that decide end in time.
int FreshLoads::blocks_for(std::span<Timed* const> all, std::span<Timed* const> group) {
  const Costs here = costs(group);
  if (blocks_ == 0) blocks_ = best_blocks_per_load(policy_, here.loads, here.blocks);
  const Costs everything = costs(all);
  const int missing = std::max(policy_.min_loads - complete_, 1);
  const double spare = rounds_.left() / missing - everything.loads;
  if (everything.blocks <= 0 || spare >= blocks_ * everything.blocks) return blocks_;
  return std::clamp(static_cast<int>(spare / everything.blocks), 1, blocks_);
}

Ended FreshLoads::load_group(std::span<Timed* const> group) {
  for (Timed* one : group) {
    double seconds = 0;
    const double begin = rounds_.now();
    if (const Ended ended = rounds_.load(one->seat, *one->load, one->expected_load, &seconds); ended != Ended::kNot)
      return ended;
    if (one->seat.error) continue;
    one->load_seconds.push_back(seconds);
    one->expected_load = std::max(seconds, rounds_.now() - begin);
  }
  return Ended::kNot;
}

void FreshLoads::keep_calls(Timed& timed, const std::vector<double>& calls) {
  for (const double call : calls) {
    ++timed.calls_seen;
    if (timed.calls.size() < kMostCalls) {
      timed.calls.push_back(call);
      continue;
    }
    // Reservoir sampling (Vitter 1985, algorithm R): each call seen is kept with the same probability.
    const auto place = std::uniform_int_distribution<std::uint64_t>(0, timed.calls_seen - 1)(rounds_.random());
    if (place < kMostCalls) timed.calls[place] = call;
  }
}

void FreshLoads::note_block_noise(const std::vector<std::vector<double>>& values) {
  std::size_t blocks = std::numeric_limits<std::size_t>::max();
  for (const auto& one : values)
    if (!one.empty()) blocks = std::min(blocks, one.size());
  std::vector<std::span<const double>> series;
  for (const auto& one : values)
    if (!one.empty()) series.push_back(std::span(one).first(blocks));
  const Variance residual = residual_variance(series);
  block_squares_ += residual.value * residual.df;
  block_df_ += residual.df;
}

Ended FreshLoads::round(std::vector<Timed*> timed) {
  std::erase_if(timed, [](const Timed* one) { return one->seat.error.has_value(); });
  if (rounds_.cancelled()) return Ended::kCancelled;
  if (!rounds_.fits(least_seconds(timed))) return Ended::kOutOfTime;
  rounds_.shuffle(timed);
  std::vector<std::vector<double>> values(timed.size());
  Ended ended = Ended::kNot;
  const auto live = static_cast<std::size_t>(std::max(policy_.max_live, 1));
  for (std::size_t first = 0; first < timed.size() && ended == Ended::kNot; first += live) {
    const std::span<Timed* const> group = std::span(timed).subspan(first, std::min(live, timed.size() - first));
    ended = load_group(group);
    std::vector<Seat*> seats;
    for (Timed* one : group) seats.push_back(&one->seat);
    for (int block = 0, blocks = 1; ended == Ended::kNot && block < blocks; ++block) {
      Rounds::Round round = rounds_.run(seats);
      ended = round.ended;
      if (ended != Ended::kNot) break;
      for (std::size_t i = 0; i < group.size(); ++i) {
        if (!round.blocks[i]) continue;
        values[first + i].push_back(std::log(round.blocks[i]->value));
        keep_calls(*group[i], round.blocks[i]->calls);
      }
      if (block == 0) blocks = blocks_for(timed, group);
    }
    for (Timed* one : group) one->seat.runner.reset();
  }
  const auto has_value = [&](std::size_t i) { return timed[i]->seat.error || !values[i].empty(); };
  for (std::size_t i = 0; i < timed.size(); ++i)
    if (!has_value(i)) return ended == Ended::kNot ? Ended::kOutOfTime : ended;
  for (std::size_t i = 0; i < timed.size(); ++i)
    if (!timed[i]->seat.error) timed[i]->logs.push_back(mean(values[i]));
  note_block_noise(values);
  ++complete_;
  return Ended::kNot;
}

}  // namespace speedster::measure
