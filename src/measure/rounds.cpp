#include "measure/rounds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/block_policy.h"

namespace speedster::measure {
namespace {

// A block takes longer than the one before now and then; a deadline allows no surprise.
constexpr double kMargin = 1.25;
constexpr double kUnknownBlock = 0.2, kUnknownLoad = 0.2;
constexpr int kFewestDrops = 3;

}  // namespace

Rounds::Rounds(const Policy& policy, const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel)
    : policy_(policy),
      foreign_(foreign),
      cancel_(cancel),
      started_(policy.clock()),
      end_(started_ + deadline.left()),
      random_(policy.seed) {}

double Rounds::expected_block(const Seat& seat) const {
  if (seat.block_seconds > 0) return kMargin * seat.block_seconds;
  return seat.call_seconds > 0 ? kMargin * block_seconds(policy_.block, seat.call_seconds) : kUnknownBlock;
}

double Rounds::expected_round(std::span<Seat* const> seats) const {
  return std::accumulate(seats.begin(), seats.end(), 0.0, [this](double sum, const Seat* seat) {
    return sum + (seat->error ? 0 : expected_block(*seat));
  });
}

Ended Rounds::load(Seat& seat, const Load& load, double expected, double* measured) {
  if (cancelled()) return Ended::kCancelled;
  if (!fits(expected > 0 ? kMargin * expected : kUnknownLoad)) return Ended::kOutOfTime;
  const double begin = now();
  auto loaded = load();
  const double took = now() - begin;
  if (measured != nullptr) *measured = took;
  if (loaded && loaded->runner != nullptr) {
    seat.runner = std::move(loaded->runner);
    // The loader knows better what the load alone took; without its word it is the wall time.
    if (measured != nullptr && loaded->load_seconds > 0) *measured = loaded->load_seconds;
  } else if (Ended ended = Ended::kNot; !loaded && cut_short(ended)) {
    return ended;
  } else {
    seat.error = loaded ? Error(ErrorKind::kInternal, "[measure] expected a runner of " + seat.name + ", got none")
                        : std::move(loaded).error();
  }
  return Ended::kNot;
}

bool Rounds::cut_short(Ended& ended) const {
  if (cancelled())
    ended = Ended::kCancelled;
  else if (left() <= 0)
    ended = Ended::kOutOfTime;
  return ended != Ended::kNot;
}

bool Rounds::disturbed(const Round& round) {
  const double share = foreign_ ? foreign_() : 0;
  const bool faults =
      std::ranges::any_of(round.blocks, [](const auto& block) { return block && block->major_faults > 0; });
  return faults || share > policy_.busy_share;
}

bool Rounds::busy() const {
  const int all = kept_ + dropped_;
  return all > 0 && disturbed_ > policy_.busy_rounds * all;
}

Rounds::Round Rounds::run(std::span<Seat* const> seats) {
  std::vector<std::size_t> order(seats.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  while (true) {
    Round round;
    round.blocks.resize(seats.size());
    shuffle(order);
    const double begin = now();
    if (foreign_) foreign_();
    for (const std::size_t i : order) {
      Seat& seat = *seats[i];
      if (seat.error || seat.runner == nullptr) continue;
      if (cancelled())
        round.ended = Ended::kCancelled;
      else if (!fits(expected_block(seat)))
        round.ended = Ended::kOutOfTime;
      if (round.ended != Ended::kNot) return round;
      const double block_begin = now();
      auto block = seat.runner->block(plan_block(policy_.block, seat.call_seconds));
      seat.block_seconds = now() - block_begin;
      if (block && (!std::isfinite(block->value) || block->value <= 0))
        block = Error(ErrorKind::kInternal,
                      "[measure] expected a positive time of " + seat.name + ", got " + std::to_string(block->value));
      if (!block && cut_short(round.ended)) return round;
      if (!block) {
        seat.error = std::move(block).error();
        seat.runner.reset();
        continue;
      }
      seat.call_seconds = block->value;
      round.blocks[i] = *std::move(block);
    }
    if (!disturbed(round)) {
      dropped_in_a_row_ = 0;
      dropped_seconds_ = 0;
      give_in_ = false;
      ++kept_;
      return round;
    }
    ++disturbed_;
    const double spent = now() - begin;
    // A machine that is always busy is measured as it is; so is one for which no time is left.
    const bool long_enough =
        dropped_in_a_row_ >= kFewestDrops && dropped_seconds_ + spent > policy_.max_dropped_seconds;
    give_in_ = give_in_ || dropped_in_a_row_ >= policy_.max_dropped_in_a_row || long_enough;
    if (give_in_ || !fits(expected_round(seats))) {
      ++kept_;
      return round;
    }
    ++dropped_;
    ++dropped_in_a_row_;
    dropped_seconds_ += spent;
  }
}

}  // namespace speedster::measure
