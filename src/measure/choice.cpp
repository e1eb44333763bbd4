#include "measure/choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace speedster::measure {
namespace {

// Looks at the same growing data are not independent: from min_loads on, half of alpha at each of them keeps the error
// of all together at alpha (tests/unit/measure/simulation_test.cpp), where a quarter would leave more undecided.
constexpr double kLaterLooks = 2;
constexpr double kDropNoise = 1e-6, kMemoryNoise = 0.05;

}  // namespace

Contrast compare_loads(std::span<const double> candidate, std::span<const double> reference, Variance expected,
                       const Policy& policy) {
  Contrast test{paired(candidate, reference, expected), std::min(candidate.size(), reference.size()),
                Relation::kUndecided};
  if (test.loads == 0) return test;
  const bool early = test.loads < static_cast<std::size_t>(policy.min_loads);
  const double looks = static_cast<double>(std::max<std::size_t>(policy.confirm_looks.size(), 1));
  const double slower_alpha = policy.alpha / (early ? looks : kLaterLooks);
  const double margin = std::log1p(policy.equivalence);
  if (!early && test.behind.upper(policy.alpha) < margin && test.behind.lower(policy.alpha) > -margin) {
    test.relation = Relation::kEquivalent;
  } else if (test.behind.lower(slower_alpha) > 0) {
    test.relation = Relation::kSlower;
  }
  return test;
}

double original_alpha(const Policy& policy, std::size_t finalists) {
  return policy.alpha / static_cast<double>(finalists + 1);
}

std::size_t safest(std::span<const Entrant* const> entrants) {
  std::vector<std::size_t> left(entrants.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  const auto keep_least = [&](auto value, auto bound) {
    double least = value(*entrants[left.front()]);
    for (const std::size_t i : left) least = std::min(least, value(*entrants[i]));
    std::erase_if(left, [&](std::size_t i) { return value(*entrants[i]) > bound(least); });
  };
  keep_least([](const Entrant& e) { return e.drop; }, [](double least) { return least + kDropNoise; });
  const bool known = std::ranges::all_of(left, [&](std::size_t i) { return entrants[i]->memory > 0; });
  if (known)
    keep_least([](const Entrant& e) { return e.memory; }, [](double least) { return least * (1 + kMemoryNoise); });
  keep_least([](const Entrant& e) { return e.size; }, [](double least) { return least; });
  return left.front();
}

Choice choose(std::span<const Standing> finalists, const Standing& original, Variance expected, const Policy& policy) {
  const auto test = [&](const Standing& candidate, const Standing& reference) {
    return compare_loads(candidate.logs, reference.logs, expected, policy);
  };
  // The original gives way to nobody who is not faster with confidence, whichever of the finalists it is.
  const auto able = std::ranges::count_if(finalists, [](const Standing& one) { return one.entrant->may_win; });
  const double alpha = original_alpha(policy, static_cast<std::size_t>(able));
  std::optional<std::size_t> fastest;
  std::vector<std::size_t> faster;
  for (std::size_t i = 0; i < finalists.size(); ++i) {
    if (finalists[i].failed || finalists[i].logs.empty() || !finalists[i].entrant->may_win) continue;
    if (paired(original.logs, finalists[i].logs, expected).lower(alpha) <= 0) continue;
    faster.push_back(i);
    if (!fastest || test(finalists[i], finalists[*fastest]).behind.mean < 0) fastest = i;
  }
  Choice choice;
  if (fastest) {
    // The original comes first: where nothing tells them apart, it stays.
    std::vector<const Entrant*> equals;
    std::vector<std::optional<std::size_t>> who;
    if (test(original, finalists[*fastest]).relation == Relation::kEquivalent) {
      equals.push_back(original.entrant);
      who.emplace_back(std::nullopt);
    }
    for (const std::size_t i : faster) {
      const bool equal = i == *fastest || (!finalists[i].left_slower &&
                                           test(finalists[i], finalists[*fastest]).relation == Relation::kEquivalent);
      if (!equal) continue;
      equals.push_back(finalists[i].entrant);
      who.emplace_back(i);
    }
    choice.winner = who[safest(equals)];
  }
  const Standing& answer = choice.winner ? finalists[*choice.winner] : original;
  for (std::size_t i = 0; i <= finalists.size(); ++i) {
    const Standing& one = i < finalists.size() ? finalists[i] : original;
    Relation relation = test(one, answer).relation;
    if (&one == &answer)
      relation = Relation::kEquivalent;
    else if (one.left_slower && relation == Relation::kUndecided)
      relation = Relation::kSlower;
    choice.undecided = choice.undecided || (i < finalists.size() && !one.failed && one.entrant->may_win &&
                                            relation == Relation::kUndecided);
    choice.relations.push_back(relation);
  }
  return choice;
}

}  // namespace speedster::measure
