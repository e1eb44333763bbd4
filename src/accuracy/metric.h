/// Metrics and the drop (docs/metrics.md): what a candidate loses, 0 being the original.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tensor/difference.h"

namespace speedster::accuracy {

/// Label of one sample: a tensor (class ids, one a row) or a line of text.
struct Label {
  std::optional<TensorView> tensor;
  std::optional<std::string> text;
};

/// Drop of one output on one sample.
class Metric {
 public:
  virtual ~Metric() = default;
  virtual std::string_view name() const = 0;
  virtual bool needs_labels() const = 0;
  /// The least drop that a sample can have (0, or -1 where a candidate may be right and the original wrong).
  virtual double least() const { return 0; }
  /// Whether it counts right and wrong answers: its samples are then -1, 0 or 1 a row, most of them 0.
  virtual bool counts() const { return false; }

  /// Drop of one sample; +infinity for new NaN or infinity, another shape or dtype kind.
  Result<double> drop(const TensorView& original, const TensorView& candidate, const Label& label) const {
    return drop(difference(original, candidate), original, candidate, label);
  }
  /// The same with the difference of the two at hand.
  Result<double> drop(const Difference& difference, const TensorView& original, const TensorView& candidate,
                      const Label& label) const;

 private:
  virtual Result<double> comparable_drop(const Difference& difference, const TensorView& original,
                                         const TensorView& candidate, const Label& label) const = 0;
};

/// "cosine" (1 - cosine), "relative_l2", "mse" (over the original's variance; over its mean square where it is
/// constant), "numeric_precision" (mean of |a-b| / (max(|a|,|b|) + 1e-5)), "accuracy", "top_k:K".
/// accuracy and top_k take the classes along the last axis and a class id a row, as an integer tensor or lines of text;
/// outputs of integers are class ids already. Drop: share of rows right in the original minus that in the candidate.
/// Kind usage for an unknown name; the message lists the known ones.
Result<std::unique_ptr<Metric>> make_metric(std::string_view name);
std::vector<std::string> metric_names();

/// Paired estimate over samples of the worst output.
struct Drop {
  double value = 0;    ///< mean over samples, worst output
  std::string output;  ///< which output that was
  /// Paired interval at `confidence`, two-sided (accuracy/interval.h); absent when not independent and for one sample.
  std::optional<double> low, high;
  double confidence = 0.95;
  std::size_t samples = 0;
  std::size_t blank = 0;  ///< of them those where an output of the original has no finite number: nothing to compare
  bool new_non_finite = false;
  double relative_l2 = 0;  ///< mean over samples, worst output, always computed (full-precision check, 1e-3)
  double largest_l2 = 0;   ///< of a single sample and output
  double psnr = 0;         ///< dB of the same output; infinity if equal. Shown, never a budget
};
Json to_json(const Drop& drop);

/// Adds samples one by one in constant memory; answers at any time.
class DropAccumulator {
 public:
  /// `only_output`: --output NAME, empty = the worst decides.
  DropAccumulator(const Metric& metric, std::vector<std::string> outputs, std::string only_output = {});
  Result<void> add(const std::vector<TensorView>& original, const std::vector<TensorView>& candidate,
                   const Label& label);
  Drop estimate(bool independent, double confidence = 0.95) const;
  /// The budget cannot be held any more whatever the remaining samples say (judging in growing prefixes). Without a
  /// budget (0) it is the relative L2 that cannot come back below kFullPrecision.
  bool hopeless(double budget, std::size_t remaining) const;
  /// NaN or infinity in a judged output where the original has numbers, so far.
  bool new_non_finite() const;

 private:
  struct Output;
  const Metric* metric_;
  std::string only_output_;
  std::vector<std::shared_ptr<Output>> outputs_;
  std::size_t samples_ = 0;
};

/// What still counts as full precision: relative L2 to the original.
inline constexpr double kFullPrecision = 1e-3;

/// The budget and its words.
struct Budget {
  std::optional<double> drop;        ///< absent or 0 = full precision only
  std::optional<double> confidence;  ///< --metric-confidence: the bound decides, not the estimate
  bool full_precision_only() const { return !drop || *drop == 0; }
};
enum class Verdict { kHolds, kHoldsByEstimateOnly, kBreaks };
/// Full precision only: relative L2 within kFullPrecision and nothing newly non-finite. Else the estimate against the
/// budget; with a confidence the interval's upper bound, and without an interval there is none that holds.
Verdict judge(const Drop& drop, const Budget& budget);

}  // namespace speedster::accuracy
