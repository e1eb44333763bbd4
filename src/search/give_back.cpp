#include "search/give_back.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace speedster::search {
namespace {

// The judging samples differ from those that decide here: so much of the budget is aimed at.
constexpr double kAim = 0.85;
// With one node less back than holds, an estimate above this many budgets is believed.
constexpr double kHopeless = 3;
// Two counts whose seconds differ by less than this part of all are not worth a trial.
constexpr double kWorthwhile = 0.02;
// The first trials go where the estimate points, later ones keep away from both ends by this part of what lies between.
constexpr int kTrusted = 2;
constexpr double kInside = 0.25;

}  // namespace

GiveBack::GiveBack(std::vector<GiveBackNode> nodes, double budget, double whole_drop)
    : nodes_(std::move(nodes)), order_(nodes_.size()), budget_(budget), holds_(nodes_.size()) {
  double largest = 0, seconds = 0;
  std::size_t timed = 0;
  for (const GiveBackNode& node : nodes_) {
    if (std::isfinite(node.error)) largest = std::max(largest, node.error);
    if (node.seconds > 0) seconds += node.seconds, ++timed;
  }
  for (GiveBackNode& node : nodes_) {
    if (!(node.seconds > 0)) node.seconds = timed > 0 ? seconds / static_cast<double>(timed) : 1;
    if (!std::isfinite(node.error)) node.error = 1e3 * std::max(largest, 1e-12);
  }
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::stable_sort(order_, std::greater<>(),
                           [&](std::size_t i) { return nodes_[i].error / nodes_[i].seconds; });
  rest_.resize(nodes_.size() + 1, 0);
  given_.resize(nodes_.size() + 1, 0);
  for (std::size_t k = nodes_.size(); k > 0; --k) rest_[k - 1] = rest_[k] + nodes_[order_[k - 1]].error;
  for (std::size_t k = 0; k < nodes_.size(); ++k) given_[k + 1] = given_[k] + nodes_[order_[k]].seconds;
  if (!nodes_.empty())
    for (double& share : given_) share /= given_.back();
  if (!rest_.empty() && rest_[0] > 0 && std::isfinite(whole_drop)) scale_ = whole_drop / rest_[0];
}

double GiveBack::share(const std::vector<std::size_t>& nodes) const {
  double part = 0, all = 0;
  for (const GiveBackNode& node : nodes_) all += node.seconds;
  for (const std::size_t node : nodes) part += nodes_[node].seconds;
  return all > 0 ? part / all : 0;
}

std::vector<std::size_t> GiveBack::first(std::size_t count) const {
  std::vector<std::size_t> set(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(count));
  std::ranges::sort(set);
  return set;
}

std::optional<std::size_t> GiveBack::next_count() const {
  if (holds_ - breaks_ < 2 || trials_ + 1 >= kMostTrials) return std::nullopt;
  if (best_ && given_[holds_] - given_[breaks_] < kWorthwhile) return std::nullopt;
  if (best_ && scale_ * rest_[holds_ - 1] > kHopeless * budget_) return std::nullopt;
  std::size_t low = breaks_ + 1, high = holds_ - 1;
  if (trials_ >= kTrusted) {
    const double between = given_[holds_] - given_[breaks_];
    while (low < high && given_[low] < given_[breaks_] + kInside * between) ++low;
    while (high > low && given_[high] > given_[holds_] - kInside * between) --high;
  }
  std::size_t count = low;
  while (count < high && scale_ * rest_[count] > kAim * budget_) ++count;
  return count;
}

std::vector<std::size_t> GiveBack::filled() const {
  double room = kAim * budget_ - best_drop_;
  std::vector<std::size_t> set = *best_, costly = *best_;
  std::ranges::stable_sort(costly, std::greater<>(), [&](std::size_t i) { return nodes_[i].seconds; });
  double won = 0;
  for (const std::size_t node : costly) {
    if (scale_ * nodes_[node].error > room) continue;
    room -= scale_ * nodes_[node].error;
    won += share({node});
    std::erase(set, node);
  }
  return won < kWorthwhile ? *best_ : set;
}

std::optional<std::vector<std::size_t>> GiveBack::next() {
  if (done_ || nodes_.empty()) return std::nullopt;
  if (const auto count = next_count()) {
    asked_count_ = *count;
    asked_ = first(*count);
    return asked_;
  }
  done_ = true;
  if (!best_) return std::nullopt;
  asked_ = filled();
  if (asked_ == *best_) return std::nullopt;
  filling_ = true;
  return asked_;
}

void GiveBack::tell(double drop, bool holds) {
  ++trials_;
  if (filling_) {
    if (holds) best_ = asked_;
    return;
  }
  if (rest_[asked_count_] > 0 && std::isfinite(drop) && drop > 0) scale_ = drop / rest_[asked_count_];
  if (holds) {
    holds_ = asked_count_;
    best_ = asked_;
    best_drop_ = std::max(drop, 0.0);
  } else {
    breaks_ = asked_count_;
  }
}

}  // namespace speedster::search
