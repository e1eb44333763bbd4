/// Metrics and the drop (ARCHITECTURE.md, fixed 6): what a candidate loses, 0 being the original.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

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
  /// Drop of one sample; +infinity for new NaN or infinity, another shape or dtype kind.
  virtual Result<double> drop(const TensorView& original, const TensorView& candidate, const Label& label) const = 0;
};

/// "cosine" (1 - cosine), "relative_l2", "mse" (over the original's variance), "numeric_precision", "accuracy", "top_k:K".
/// Kind usage for an unknown name; the message lists the known ones.
Result<std::unique_ptr<Metric>> make_metric(std::string_view name);
std::vector<std::string> metric_names();

/// Paired estimate over samples of the worst output.
struct Drop {
  double value = 0;                          ///< mean over samples, worst output
  std::string output;                        ///< which output that was
  std::optional<double> low, high;           ///< paired interval at `confidence`; absent when not independent
  double confidence = 0.95;
  std::size_t samples = 0;
  bool new_non_finite = false;
  double relative_l2 = 0;                    ///< worst output, always computed (full-precision check, 1e-3)
  double psnr = 0;                           ///< shown, never a budget
};
Json to_json(const Drop& drop);

/// Adds samples one by one in constant memory; answers at any time.
class DropAccumulator {
 public:
  /// `only_output`: --output NAME, empty = the worst decides.
  DropAccumulator(const Metric& metric, std::vector<std::string> outputs, std::string only_output = {});
  Result<void> add(const std::vector<TensorView>& original, const std::vector<TensorView>& candidate, const Label& label);
  Drop estimate(bool independent, double confidence = 0.95) const;
  /// The budget cannot be held any more whatever the remaining samples say (judging in growing prefixes).
  bool hopeless(double budget, std::size_t remaining) const;

 private:
  struct Output;
  const Metric* metric_;
  std::string only_output_;
  std::vector<std::shared_ptr<Output>> outputs_;
};

/// The budget and its words.
struct Budget {
  std::optional<double> drop;                ///< absent or 0 = full precision only
  std::optional<double> confidence;          ///< --metric-confidence: the bound decides, not the estimate
  bool full_precision_only() const { return !drop || *drop == 0; }
};
enum class Verdict { kHolds, kHoldsByEstimateOnly, kBreaks };
Verdict judge(const Drop& drop, const Budget& budget);

}  // namespace speedster::accuracy
