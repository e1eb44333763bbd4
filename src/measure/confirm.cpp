#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/choice.h"
#include "measure/fresh_loads.h"
#include "measure/race.h"

namespace speedster::measure {
namespace {

// The original's ratio is known well enough when its interval is this part of its logarithm.
constexpr double kRatioShare = 1.0 / 8;
constexpr double kTwoSided = 0.025;
constexpr double kOriginalsPatience = 1.5;
constexpr double kMostPooled = 2;

struct Finalist {
  const Entrant* entrant = nullptr;
  Timed timed;
  bool open = true;  // still loaded in each round
  bool left_slower = false;
};

class Confirming {
 public:
  Confirming(const Entrant& original, const std::vector<Entrant>& finalists, const Policy& policy,
             const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
             const std::function<void(const Confirmation&)>& progress)
      : policy_(policy), rounds_(policy, foreign, deadline, cancel), loads_(policy, rounds_), progress_(progress) {
    all_.resize(finalists.size() + 1);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Entrant& entrant = i < finalists.size() ? finalists[i] : original;
      all_[i].entrant = &entrant;
      all_[i].timed.load = &entrant.load;
      all_[i].timed.expected_load = entrant.load_seconds;
      all_[i].timed.seat.name = entrant.name;
      all_[i].timed.seat.call_seconds = entrant.call_seconds;
    }
  }

  Result<Confirmation> run() {
    leave_time_for_two_loads();
    Ended ended = Ended::kNot;
    while (loads_.complete() < policy_.max_loads && ended == Ended::kNot) {
      std::vector<Timed*> active;
      for (Finalist& one : all_)
        if (one.open) active.push_back(&one.timed);
      if (patience_ends(active)) break;
      ended = loads_.round(active);
      for (Finalist& one : all_)
        if (one.timed.seat.error) one.open = false;
      if (original().timed.seat.error)
        return std::move(*original().timed.seat.error).wrap("[confirm] expected the original to run, got a failure");
      if (ended != Ended::kNot) break;
      if (std::ranges::count(policy_.confirm_looks, loads_.complete()) > 0 && !alone_ && settle()) break;
      if (progress_) progress_(conclude());
    }
    if (loads_.complete() == 0) {
      if (ended == Ended::kCancelled) return Error(ErrorKind::kCancelled, "[confirm] cancelled");
      return Error(ErrorKind::kTimeout,
                   "[confirm] expected time for one load of each finalist, got none; try a larger time budget");
    }
    cut_ = cut_ || ended != Ended::kNot;
    Confirmation confirmation = conclude();
    if (progress_) progress_(confirmation);
    return confirmation;
  }

 private:
  Finalist& original() { return all_.back(); }

  /// One load of each says little: where a deadline has no room for two, the finalists that looked slowest stay out.
  void leave_time_for_two_loads() {
    std::vector<Finalist*> open;
    for (Finalist& one : all_) open.push_back(&one);
    std::ranges::stable_sort(open.begin(), open.end() - 1, {}, [](const Finalist* one) {
      return std::pair(!one->entrant->may_win, one->timed.seat.call_seconds);
    });
    std::vector<Timed*> active;
    for (Finalist* one : open) active.push_back(&one->timed);
    while (open.size() > 2 && !rounds_.fits(2 * loads_.least_seconds(active))) {
      const std::size_t slowest = open.size() - 2;
      open[slowest]->open = false;
      cut_ = true;
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(slowest));
      active.erase(active.begin() + static_cast<std::ptrdiff_t>(slowest));
    }
  }

  /// True when the time for separating finalists is spent. Whether to leave the original at all is worth more of it
  /// than who is first: where only that is open, the leader and the original go on alone.
  bool patience_ends(std::vector<Timed*>& active) {
    if (policy_.confirm_seconds <= 0 || loads_.complete() < policy_.min_loads) return false;
    const auto would_end_by = [&](double limit) {
      return rounds_.now() - rounds_.started() + loads_.expected_seconds(active) <= limit;
    };
    // Once they are alone nobody looks until the end: stopping as soon as the bound is below 0 would make it lie.
    if (alone_) return !would_end_by(kOriginalsPatience * policy_.confirm_seconds);
    if (would_end_by(policy_.confirm_seconds)) return false;
    Finalist* leader = fastest_open_finalist();
    if (leader == nullptr || !original().open) return true;
    const Estimate gain = paired(original().timed.logs, leader->timed.logs, expected_difference());
    if (gain.mean <= 0 || gain.lower(alpha_against_original()) > 0) return true;
    for (Finalist& one : all_) one.open = &one == leader || &one == &original();
    active = {&leader->timed, &original().timed};
    alone_ = true;
    return !would_end_by(kOriginalsPatience * policy_.confirm_seconds);
  }

  Finalist* fastest_open_finalist() {
    Finalist* fastest = nullptr;
    for (Finalist& one : all_) {
      if (!one.open || &one == &original() || !one.entrant->may_win) continue;
      if (fastest == nullptr || mean(one.timed.logs) < mean(fastest->timed.logs)) fastest = &one;
    }
    return fastest;
  }

  /// What is expected of a difference of two loads, all contenders together having shown how much loads differ here.
  /// Its weight stays bounded: a contender may be noisier than its neighbours.
  Variance expected_difference() const {
    std::size_t most = 0;
    for (const Finalist& one : all_) most = std::max(most, one.timed.logs.size());
    std::vector<std::span<const double>> series;
    for (const Finalist& one : all_)
      if (one.timed.logs.size() == most) series.emplace_back(one.timed.logs);
    const Variance loads = series.size() > 2 ? residual_variance(series) : Variance{};
    return moderate({2 * loads.value, std::min(loads.df, kMostPooled * policy_.expectation_df)},
                    loads_.expected_difference());
  }

  /// Lets go of whoever is known well enough; true when only the leader is left.
  bool settle() {
    Finalist* leader = nullptr;
    std::size_t open = 0;
    for (Finalist& one : all_) {
      if (!one.open) continue;
      ++open;
      if (!one.entrant->may_win) continue;
      if (leader == nullptr || mean(one.timed.logs) < mean(leader->timed.logs)) leader = &one;
    }
    // Alone from the start (no finalists): it still gets its loads.
    if (all_.size() == 1) return loads_.complete() >= policy_.min_loads;
    for (Finalist& one : all_) {
      if (!one.open || &one == leader || !one.entrant->may_win) continue;
      const Contrast test = compare_loads(one.timed.logs, leader->timed.logs, expected_difference(), policy_);
      if (test.relation == Relation::kUndecided) continue;
      // The original stays until it is known to lose, and by how much.
      const bool known = test.behind.lower(alpha_against_original()) > 0 && worth_printing(test.behind);
      if (&one == &original() && test.relation == Relation::kSlower && !known) continue;
      one.open = false;
      one.left_slower = test.relation == Relation::kSlower;
      --open;
    }
    // Without the original there is no ratio to make better.
    for (Finalist& one : all_) {
      if (!one.open || one.entrant->may_win) continue;
      const Estimate ratio = paired(original().timed.logs, one.timed.logs, expected_difference());
      if (original().open && !worth_printing(ratio)) continue;
      one.open = false;
      --open;
    }
    return open <= 1;
  }

  double alpha_against_original() const {
    const auto able = std::ranges::count_if(all_, [](const Finalist& one) { return one.entrant->may_win; });
    return original_alpha(policy_, static_cast<std::size_t>(able - 1));
  }

  bool worth_printing(const Estimate& ratio) const {
    return ratio.upper(kTwoSided) - ratio.mean <=
           std::max(std::log1p(policy_.equivalence), kRatioShare * std::abs(ratio.mean));
  }

  Confirmation conclude() {
    std::vector<Standing> standings;
    for (const Finalist& one : all_)
      standings.push_back({one.entrant, one.timed.logs, one.timed.seat.error.has_value(), one.left_slower});
    const Variance expected = expected_difference();
    const Choice choice =
        choose(std::span<const Standing>(standings).first(standings.size() - 1), standings.back(), expected, policy_);
    Confirmation confirmation;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Timed& timed = all_[i].timed;
      ConfirmRow row;
      row.name = all_[i].entrant->name;
      row.loads = timed.logs;
      row.load_seconds = timed.load_seconds;
      row.calls = timed.calls;
      row.error = timed.seat.error;
      if (!timed.logs.empty()) {
        row.latency = seconds_interval(timed.logs, loads_.expected_value());
        row.speedup =
            &all_[i] == &original() ? Interval{1, 1, 1} : ratio_interval(original().timed.logs, timed.logs, expected);
      }
      const bool wins = choice.winner ? i == *choice.winner : &all_[i] == &original();
      row.verdict = row.error                   ? "failed"
                    : wins                      ? "winner"
                    : !all_[i].entrant->may_win ? "excluded"
                                                : verdict(choice.relations[i]);
      confirmation.rows.push_back(std::move(row));
    }
    confirmation.winner = choice.winner;
    confirmation.undecided = choice.undecided;
    confirmation.rounds = rounds_.kept();
    confirmation.dropped_rounds = rounds_.dropped();
    confirmation.busy = rounds_.busy();
    confirmation.cut = cut_;
    return confirmation;
  }

  static const char* verdict(Relation relation) {
    switch (relation) {
      case Relation::kEquivalent: return "equivalent";
      case Relation::kSlower: return "slower";
      case Relation::kUndecided: break;
    }
    return "undecided";
  }

  const Policy& policy_;
  Rounds rounds_;
  FreshLoads loads_;
  const std::function<void(const Confirmation&)>& progress_;
  std::vector<Finalist> all_;
  bool cut_ = false;
  bool alone_ = false;  // only the leader and the original are left
};

}  // namespace

Result<Confirmation> confirm(const Entrant& original, const std::vector<Entrant>& finalists, const Policy& policy,
                             const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
                             const std::function<void(const Confirmation&)>& progress) {
  if (policy.min_loads < 1 || policy.max_loads < policy.min_loads)
    return Error(ErrorKind::kUsage, "[confirm] expected 1 <= min_loads <= max_loads, got " +
                                        std::to_string(policy.min_loads) + " and " + std::to_string(policy.max_loads));
  return Confirming(original, finalists, policy, foreign, deadline, cancel, progress).run();
}

}  // namespace speedster::measure
