/// Which nodes of a quantized model go back to floating point, tried set by set: estimates order the trials, drops that
/// were measured on whole models decide.
#pragma once
#include <cstddef>
#include <optional>
#include <vector>

namespace speedster::search {

/// A node that may go back.
struct GiveBackNode {
  double error = 0;    ///< what it alone does to the outputs, of a kind that adds up; may be infinite
  double seconds = 0;  ///< of its execution in float: a measure of what int8 saves there; 0 = not known
};

/// Nodes are sorted by error for each second. How many of them go back is found by trials: the first count is the one
/// whose remaining errors, scaled to the drops measured so far, stay below the budget; later ones halve what is left
/// between a count that breaks the budget and one that holds it. What room is left then goes to the costliest of those
/// given back, in one last trial.
class GiveBack {
 public:
  static constexpr int kMostTrials = 7;

  /// `whole_drop`: measured with every node in int8, above the budget.
  GiveBack(std::vector<GiveBackNode> nodes, double budget, double whole_drop);

  /// Indices of the nodes to give back in the next trial, ascending; nothing when there is no more to gain.
  std::optional<std::vector<std::size_t>> next();
  /// The drop of what next() gave, and whether that holds the budget.
  void tell(double drop, bool holds);
  /// The set that holds with the least given back, if any does.
  const std::optional<std::vector<std::size_t>>& best() const { return best_; }
  /// The part of all seconds that a set gives back, 0 to 1.
  double share(const std::vector<std::size_t>& nodes) const;

 private:
  std::vector<std::size_t> first(std::size_t count) const;
  std::optional<std::size_t> next_count() const;
  std::vector<std::size_t> filled() const;

  std::vector<GiveBackNode> nodes_;
  std::vector<std::size_t> order_;
  std::vector<double> rest_;   ///< error that stays after the first k of the order
  std::vector<double> given_;  ///< share of the seconds that the first k have
  double budget_, scale_ = 0, best_drop_ = 0;
  std::size_t breaks_ = 0, holds_;  ///< counts: the largest that breaks, the smallest that holds (all: by definition)
  std::size_t asked_count_ = 0;
  std::vector<std::size_t> asked_;
  bool filling_ = false, done_ = false;
  int trials_ = 0;
  std::optional<std::vector<std::size_t>> best_;
};

}  // namespace speedster::search
