#include "measure/race.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <deque>
#include <limits>

#include "measure/rounds.h"
#include "measure/statistics.h"

namespace speedster::measure {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Contender {
  const Entrant* entrant = nullptr;
  Seat seat;
  std::vector<double> logs;  // of its last heat's rounds
  int heat = 0;
  std::vector<double> seconds;  // of all rounds
  double load_seconds = 0;
  double position = kNever;  // log ratio to the first heat's leader
  bool live = false;
};

std::string times(double log_ratio) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", std::exp(log_ratio));
  return text.data();
}

/// How far a contender is behind, load-to-load variance included.
Estimate behind_by(std::span<const double> logs, std::span<const double> leader, double block_variance,
                   double load_variance, const Policy& policy) {
  Estimate behind = paired(logs, leader, {2 * block_variance, policy.expectation_df});
  behind.variance = sum(behind.variance, {2 * load_variance, kNever});
  return behind;
}

/// The part of alpha that one contender has at one look after the first.
double alpha_of_look(const Policy& policy, std::size_t contenders) {
  return policy.alpha /
         static_cast<double>(std::max<std::size_t>(policy.looks.size() - 1, 1) * std::max<std::size_t>(contenders, 1));
}

class Race {
 public:
  Race(const Entrant& original, const std::vector<Entrant>& entrants, const Policy& policy, const ForeignShare& foreign,
       const Deadline& deadline, const CancelToken& cancel, const std::function<void(const RaceResult&)>& progress)
      : policy_(policy), rounds_(policy, foreign, deadline, cancel), progress_(progress) {
    for (Contender& self : selves_) enter(self, original);
    contenders_.resize(entrants.size());
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      enter(contenders_[i], entrants[i]);
      result_.rows.push_back({.name = entrants[i].name});
    }
  }

  Result<RaceResult> run() {
    for (Contender& self : selves_) {
      const Ended ended = load(self);
      if (self.seat.error) return original_failed(self);
      if (ended != Ended::kNot) return stopped(ended);
    }
    std::deque<std::size_t> waiting;
    for (std::size_t i = 0; i < contenders_.size(); ++i) waiting.push_back(i);
    const std::size_t capacity = static_cast<std::size_t>(std::max(policy_.max_live, 4)) - selves_.size();
    std::vector<std::size_t> heat;  // starts with the leader of the heats before
    Ended ended = Ended::kNot;
    while (ended == Ended::kNot && !waiting.empty()) {
      ended = fill(heat, waiting, capacity);
      if (ended == Ended::kCancelled) break;
      SPEEDSTER_ASSIGN(const Ended raced, run_heat(heat));
      if (ended == Ended::kNot) ended = raced;
      keep_leader(heat);
    }
    if (ended == Ended::kCancelled) return stopped(ended);
    result_.cut = ended != Ended::kNot;
    rank();
    report();
    return std::move(result_);
  }

 private:
  static void enter(Contender& contender, const Entrant& entrant) {
    contender.entrant = &entrant;
    contender.seat.name = entrant.name;
    contender.seat.call_seconds = entrant.call_seconds;
  }

  Ended load(Contender& contender) {
    const Ended ended =
        rounds_.load(contender.seat, contender.entrant->load, contender.entrant->load_seconds, &contender.load_seconds);
    contender.live = ended == Ended::kNot && !contender.seat.error;
    return ended;
  }

  static Error original_failed(Contender& self) {
    return std::move(*self.seat.error).wrap("[race] expected the original to run, got a failure");
  }
  static Error stopped(Ended ended) {
    if (ended == Ended::kCancelled) return {ErrorKind::kCancelled, "[race] cancelled"};
    return {ErrorKind::kTimeout, "[race] expected time to load the original twice, got none; try a larger time budget"};
  }

  void fail(std::size_t i) {
    Contender& contender = contenders_[i];
    contender.live = false;
    result_.rows[i].fate = RaceFate::kFailed;
    result_.rows[i].error = contender.seat.error;
    result_.rows[i].reason = contender.seat.error->full_message();
  }

  void fail_broken(const std::vector<std::size_t>& heat) {
    for (const std::size_t i : heat)
      if (contenders_[i].live && contenders_[i].seat.error) fail(i);
  }

  void leave(std::size_t i, RaceFate fate, std::string reason) {
    Contender& contender = contenders_[i];
    contender.live = false;
    contender.seat.runner.reset();
    result_.rows[i].fate = fate;
    result_.rows[i].reason = std::move(reason);
  }

  /// Loads until the heat is full, or as many as there is time to time once: loaded and never timed is time wasted.
  Ended fill(std::vector<std::size_t>& heat, std::deque<std::size_t>& waiting, std::size_t capacity) {
    double round = 0;
    for (const std::size_t i : heat) round += rounds_.expected_block(contenders_[i].seat);
    for (const Contender& self : selves_)
      if (self.live) round += rounds_.expected_block(self.seat);
    while (!waiting.empty() && heat.size() < capacity) {
      const std::size_t i = waiting.front();
      round += rounds_.expected_block(contenders_[i].seat);
      if (!rounds_.fits(contenders_[i].entrant->load_seconds + round)) return Ended::kOutOfTime;
      if (const Ended ended = load(contenders_[i]); ended != Ended::kNot) return ended;
      waiting.pop_front();
      if (contenders_[i].seat.error)
        fail(i);
      else
        heat.push_back(i);
    }
    return Ended::kNot;
  }

  /// Rounds until a look finds nothing more to learn. Sets the positions of those that ran.
  Result<Ended> run_heat(const std::vector<std::size_t>& heat) {
    ++heats_;
    for (const std::size_t i : heat) {
      contenders_[i].logs.clear();
      contenders_[i].heat = heats_;
    }
    for (Contender& self : selves_) self.logs.clear();
    const double known = heat.empty() ? kNever : contenders_[heat.front()].position;
    Ended ended = Ended::kNot;
    for (int n = 0; ended == Ended::kNot;) {
      std::vector<Contender*> running = live(heat);
      if (running.empty() && n > 0) break;
      for (Contender& self : selves_)
        if (self.live) running.push_back(&self);
      SPEEDSTER_ASSIGN(const Ended cut, run_round(running, /*keep_partial=*/n == 0));
      ended = cut;
      fail_broken(heat);
      if (ended == Ended::kNot) ++n;
      if (ended == Ended::kCancelled || n == 0) break;
      const bool last = ended != Ended::kNot || out_of_patience();
      const bool look = std::ranges::count(policy_.looks, n) > 0;
      if (n <= policy_.looks.front() && (look || last)) {
        const Ended stopped = drop_far(heat, !last);
        fail_broken(heat);
        if (ended == Ended::kNot) ended = stopped;
      }
      if (look || last) eliminate(heat, n);
      if (!heat.empty() && (look || last)) retire_original(mean(leader_logs(heat)));
      report();
      if (last || (look && settled(heat, n))) break;
    }
    place(heat, known);
    return ended;
  }

  std::vector<Contender*> live(const std::vector<std::size_t>& heat) {
    std::vector<Contender*> found;
    for (const std::size_t i : heat)
      if (contenders_[i].live) found.push_back(&contenders_[i]);
    return found;
  }

  Result<Ended> run_round(std::vector<Contender*>& running, bool keep_partial) {
    std::vector<Seat*> seats;
    for (Contender* contender : running) seats.push_back(&contender->seat);
    const double begin = rounds_.now();
    Rounds::Round round = rounds_.run(seats);
    round_seconds_ = rounds_.now() - begin;
    for (Contender& self : selves_)
      if (self.seat.error) return original_failed(self);
    if (round.ended != Ended::kNot && !keep_partial) return round.ended;
    for (std::size_t s = 0; s < running.size(); ++s) {
      if (!round.blocks[s]) continue;
      running[s]->logs.push_back(std::log(round.blocks[s]->value));
      running[s]->seconds.push_back(round.blocks[s]->value);
    }
    if (round.ended == Ended::kNot && selves_[0].live)
      self_differences_.push_back(selves_[0].logs.back() - selves_[1].logs.back());
    return round.ended;
  }

  /// Means of the two selves, as long as they run.
  std::vector<double> original_logs() const {
    std::vector<double> logs;
    if (!selves_[0].live) return logs;
    for (std::size_t r = 0; r < std::min(selves_[0].logs.size(), selves_[1].logs.size()); ++r)
      logs.push_back((selves_[0].logs[r] + selves_[1].logs[r]) / 2);
    return logs;
  }

  /// The fastest series so far; the original's is one of them.
  std::vector<double> leader_logs(const std::vector<std::size_t>& heat) {
    std::vector<double> leader = original_logs();
    for (const Contender* contender : live(heat))
      if (!contender->logs.empty() && (leader.empty() || mean(contender->logs) < mean(leader)))
        leader = contender->logs;
    return leader;
  }

  /// Mean of the fastest that no budget can take away; the original is one of them.
  double safe_position(const std::vector<std::size_t>& heat) {
    double fastest = selves_[0].live ? mean(original_logs()) : kNever;
    for (const Contender* contender : live(heat))
      if (!contender->entrant->may_fall && !contender->logs.empty()) fastest = std::min(fastest, mean(contender->logs));
    return fastest;
  }

  void eliminate(const std::vector<std::size_t>& heat, int n) {
    const std::vector<double> leader = leader_logs(heat);
    std::vector<std::span<const double>> series;
    for (const Contender* contender : live(heat)) series.emplace_back(contender->logs);
    for (const Contender& self : selves_)
      if (self.live) series.emplace_back(self.logs);
    block_variance_ = residual_variance(series);
    if (n <= policy_.looks.front()) return;  // nothing is known of the noise yet
    const double alpha = alpha_of_look(policy_, contenders_.size());
    for (const std::size_t i : heat) {
      if (!contenders_[i].live) continue;
      const Estimate behind = behind_by(contenders_[i].logs, leader, block_variance(), load_variance(), policy_);
      if (const double bound = behind.lower(alpha); bound > 0)
        leave(i, RaceFate::kSlower, times(behind.mean) + " times the leader (bound " + times(bound) + ")");
    }
  }

  /// After the first round whoever is far behind leaves. Twice as much may be the machine, which is at half its speed
  /// now and then beside others on the same host: who is no further behind has another block first, beside the
  /// leader's.
  Ended drop_far(const std::vector<std::size_t>& heat, bool time_left) {
    const std::vector<double> leader = leader_logs(heat);
    const double safe = safe_position(heat), far = std::log(policy_.drop_factor);
    struct Doubtful {
      std::size_t index;
      double behind;
    };
    std::vector<Doubtful> doubtful;
    std::vector<Seat*> again{&leading(heat)->seat};
    for (const std::size_t i : heat) {
      Contender& contender = contenders_[i];
      if (!contender.live || contender.logs.empty()) continue;
      const double behind = paired(contender.logs, leader, {}).mean;
      if (behind <= far || mean(contender.logs) <= safe + far) continue;
      if (time_left && behind <= far + std::log(2)) {
        doubtful.push_back({i, behind});
        again.push_back(&contender.seat);
      } else {
        leave(i, RaceFate::kFarSlower, times(behind) + " times the leader after the first round");
      }
    }
    if (doubtful.empty()) return Ended::kNot;
    const Rounds::Round round = rounds_.run(again);
    if (round.ended != Ended::kNot || !round.blocks[0]) return round.ended;
    for (std::size_t k = 0; k < doubtful.size(); ++k) {
      if (!round.blocks[k + 1]) continue;
      const double second = std::log(round.blocks[k + 1]->value / round.blocks[0]->value),
                   behind = (doubtful[k].behind + second) / 2;
      if (behind > far)
        leave(doubtful[k].index, RaceFate::kFarSlower, times(behind) + " times the leader after the first round");
    }
    return Ended::kNot;
  }

  /// The fastest so far, or one of the original's selves.
  Contender* leading(const std::vector<std::size_t>& heat) {
    Contender* first = selves_[0].live ? &selves_[0] : nullptr;
    for (Contender* contender : live(heat))
      if (!contender->logs.empty() && (first == nullptr || mean(contender->logs) < mean(first->logs)))
        first = contender;
    return first;
  }

  /// The original cannot lose, but far behind it has nothing to tell and would take most of the time.
  void retire_original(double leader) {
    if (!selves_[0].live || mean(original_logs()) <= leader + std::log(policy_.drop_factor)) return;
    for (Contender& self : selves_) {
      self.live = false;
      self.seat.runner.reset();
    }
  }

  int second_look() const { return policy_.looks.size() > 1 ? policy_.looks[1] : policy_.looks.front(); }

  /// Between loads: what is expected, or more if the original's two selves differ by more than their blocks explain.
  double load_variance() const {
    const double expected = policy_.load_sd * policy_.load_sd;
    if (self_differences_.empty()) return expected;
    const double floor = mean(self_differences_);
    const double seen = floor * floor / 2 - block_variance() / static_cast<double>(self_differences_.size());
    return std::max(expected, moderate({seen, 1}, {expected, policy_.expectation_df}).value);
  }

  double block_variance() const {
    return block_variance_.df > 0 ? block_variance_.value : policy_.block_sd * policy_.block_sd;
  }

  bool out_of_patience() const {
    const double elapsed = rounds_.now() - rounds_.started();
    return policy_.race_seconds > 0 && elapsed + round_seconds_ > policy_.race_seconds;
  }

  bool settled(const std::vector<std::size_t>& heat, int n) {
    const std::size_t left = live(heat).size();
    if (left <= 1 || n >= policy_.looks.back()) return true;
    if (n < second_look()) return false;
    // More rounds make the blocks' part small, never the loads': only fresh loads do, and those are the confirmation's.
    const bool loads_dominate = block_variance() / n <= load_variance() / 2;
    return left <= static_cast<std::size_t>(policy_.finalists) || loads_dominate;
  }

  /// Positions relative to the first heat's leader; `known` is the carried leader's.
  void place(const std::vector<std::size_t>& heat, double known) {
    const bool carried = known != kNever;
    std::vector<double> reference = carried ? contenders_[heat.front()].logs : leader_logs(heat);
    double offset = carried ? known : 0;
    if (carried && reference.empty() && original_position_ != kNever) {  // it failed before it was timed
      reference = original_logs();
      offset = original_position_;
    }
    if (!carried && !reference.empty() && !original_logs().empty())
      original_position_ = paired(original_logs(), reference, {}).mean;
    for (const std::size_t i : heat) {
      Contender& contender = contenders_[i];
      if (!contender.live || contender.logs.empty()) continue;
      if (!reference.empty())
        contender.position = offset + paired(contender.logs, reference, {}).mean;
      else if (carried)  // nothing ran in both heats: what the leader took earlier has to do
        contender.position = known + mean(contender.logs) - std::log(median(contenders_[heat.front()].seconds));
    }
  }

  void keep_leader(std::vector<std::size_t>& heat) {
    std::erase_if(heat, [this](std::size_t i) {
      Contender& contender = contenders_[i];
      if (contender.live && contender.position != kNever) return false;
      contender.seat.runner.reset();  // nothing is known of it, and others need its room
      return true;
    });
    const auto leader = std::ranges::min_element(heat, {}, [this](std::size_t i) { return contenders_[i].position; });
    if (leader == heat.end()) return;
    const std::size_t kept = *leader;
    for (const std::size_t i : heat)
      if (i != kept) contenders_[i].seat.runner.reset();
    heat = {kept};
  }

  void rank() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < contenders_.size(); ++i)
      if (contenders_[i].live && contenders_[i].position != kNever) order.push_back(i);
    std::ranges::sort(order, {}, [this](std::size_t i) { return contenders_[i].position; });
    const std::string most = std::to_string(policy_.finalists);
    for (std::size_t place = 0; place < order.size(); ++place) {
      const double behind = contenders_[order[place]].position - contenders_[order.front()].position;
      const std::string reason = times(behind) + " times the leader";
      if (behind > std::log(policy_.drop_factor))
        leave(order[place], RaceFate::kFarSlower, reason);
      else if (place >= static_cast<std::size_t>(policy_.finalists))
        leave(order[place], RaceFate::kSlower, reason + ", not among the " + most + " fastest");
      else
        leave(order[place], RaceFate::kFinalist, place == 0 ? "the fastest of the race" : reason);
    }
  }

  void report() {
    for (std::size_t i = 0; i < contenders_.size(); ++i) {
      result_.rows[i].estimate = median(contenders_[i].seconds);
      result_.rows[i].load_seconds = contenders_[i].load_seconds;
      result_.rows[i].rounds = static_cast<int>(contenders_[i].seconds.size());
      result_.rows[i].heat = contenders_[i].heat;
      result_.rows[i].logs = contenders_[i].logs;
    }
    std::vector<double> both = selves_[0].seconds;
    both.insert(both.end(), selves_[1].seconds.begin(), selves_[1].seconds.end());
    result_.original_seconds = median(std::move(both));
    result_.original_load_seconds = (selves_[0].load_seconds + selves_[1].load_seconds) / 2;
    result_.noise_floor = std::abs(mean(self_differences_));
    result_.block_sd = std::sqrt(block_variance_.value);
    result_.load_sd = std::sqrt(load_variance());
    result_.rounds = rounds_.kept();
    result_.dropped_rounds = rounds_.dropped();
    result_.busy = rounds_.busy();
    if (progress_) progress_(result_);
  }

  const Policy& policy_;
  Rounds rounds_;
  const std::function<void(const RaceResult&)>& progress_;
  std::array<Contender, 2> selves_;
  std::vector<Contender> contenders_;
  std::vector<double> self_differences_;
  Variance block_variance_;
  double original_position_ = kNever;  // behind the first heat's leader
  double round_seconds_ = 0;
  int heats_ = 0;
  RaceResult result_;
};

}  // namespace

Result<RaceResult> race(const Entrant& original, const std::vector<Entrant>& entrants, const Policy& policy,
                        const ForeignShare& foreign, const Deadline& deadline, const CancelToken& cancel,
                        const std::function<void(const RaceResult&)>& progress) {
  if (policy.looks.empty() || policy.looks.front() < 1 || !std::ranges::is_sorted(policy.looks) || policy.finalists < 1)
    return Error(ErrorKind::kUsage, "[race] expected looks in growing order and at least one finalist, got other ones");
  return Race(original, entrants, policy, foreign, deadline, cancel, progress).run();
}

bool loses_to(const RaceRow& row, const RaceRow& leader, const RaceResult& result, const Policy& policy) {
  const auto seen = static_cast<int>(std::min(row.logs.size(), leader.logs.size()));
  if (row.heat != leader.heat || policy.looks.empty() || seen <= policy.looks.front()) return false;
  const double block_sd = result.block_sd > 0 ? result.block_sd : policy.block_sd;
  const double load_sd = std::max(result.load_sd, policy.load_sd);
  return behind_by(row.logs, leader.logs, block_sd * block_sd, load_sd * load_sd, policy)
             .lower(alpha_of_look(policy, result.rows.size())) > 0;
}

}  // namespace speedster::measure
