#include <algorithm>
#include <cmath>
#include <limits>

#include "accuracy/interval.h"
#include "accuracy/metric.h"
#include "base/text.h"

namespace speedster::accuracy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

/// Sums over the samples of one output.
struct DropAccumulator::Output {
  std::string name;
  Moments drops;  // of the samples whose drop is finite
  double relative_l2 = 0, largest_l2 = 0, squares = 0, peak = 0;
  std::int64_t elements = 0;
  std::size_t blank = 0;
  bool infinite = false, new_non_finite = false;

  void add(const Difference& difference, double drop) {
    const double l2 = difference.same_shape && !difference.new_non_finite ? difference.relative_l2 : kInfinity;
    relative_l2 += l2;
    largest_l2 = std::max(largest_l2, l2);
    squares += difference.mse * static_cast<double>(difference.count);
    elements += difference.count;
    peak = std::max(peak, difference.peak);
    new_non_finite = new_non_finite || difference.new_non_finite;
    if (std::isfinite(drop))
      drops.add(drop);
    else
      infinite = true;
  }
  double mean() const { return infinite ? kInfinity : drops.mean; }
  double psnr() const {
    if (squares == 0 || peak == 0) return squares == 0 ? kInfinity : -kInfinity;
    return 20 * std::log10(peak) - 10 * std::log10(squares / static_cast<double>(elements));
  }
};

DropAccumulator::DropAccumulator(const Metric& metric, std::vector<std::string> outputs, std::string only_output)
    : metric_(&metric), only_output_(std::move(only_output)) {
  for (std::string& name : outputs) {
    outputs_.push_back(std::make_shared<Output>());
    outputs_.back()->name = std::move(name);
  }
}

Result<void> DropAccumulator::add(const std::vector<TensorView>& original, const std::vector<TensorView>& candidate,
                                  const Label& label) {
  if (original.size() != outputs_.size() || candidate.size() != outputs_.size())
    return Error(ErrorKind::kInternal, "[accuracy] expected " + std::to_string(outputs_.size()) + " outputs, got " +
                                           std::to_string(original.size()) + " of the original and " +
                                           std::to_string(candidate.size()) + " of the candidate");
  bool judged = false;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = *outputs_[i];
    names.push_back(output.name);
    if (!only_output_.empty() && output.name != only_output_) continue;
    judged = true;
    const Difference d = difference(original[i], candidate[i]);
    auto drop = metric_->drop(d, original[i], candidate[i], label);
    if (!drop)
      return std::move(drop).error().wrap("[accuracy] expected output \"" + output.name + "\" to suit the metric " +
                                          std::string(metric_->name()));
    output.add(d, *drop);
    const bool compared = d.count > 0 || !d.same_shape || d.new_non_finite || original[i].count() == 0;
    if (!compared) ++output.blank;
  }
  if (!judged)
    return Error(ErrorKind::kUsage,
                 "[accuracy] expected --output among " + join(names, ", ") + ", got \"" + only_output_ + "\"");
  ++samples_;
  return {};
}

Drop DropAccumulator::estimate(bool independent, double confidence) const {
  Drop result;
  result.confidence = confidence;
  result.samples = samples_;
  if (samples_ == 0) return result;
  const Output* worst = nullptr;
  for (const auto& output : outputs_) {
    if (!only_output_.empty() && output->name != only_output_) continue;
    result.new_non_finite = result.new_non_finite || output->new_non_finite;
    result.relative_l2 = std::max(result.relative_l2, output->relative_l2 / static_cast<double>(samples_));
    result.largest_l2 = std::max(result.largest_l2, output->largest_l2);
    result.blank = std::max(result.blank, output->blank);
    if (worst == nullptr || output->mean() > worst->mean()) worst = output.get();
  }
  if (worst == nullptr) return result;
  result.value = worst->mean();
  result.output = worst->name;
  result.psnr = worst->psnr();
  if (!independent || worst->infinite || samples_ < 2) return result;
  if (const auto interval =
          metric_->counts() ? counting_interval(worst->drops, confidence) : skewed_interval(worst->drops, confidence)) {
    result.low = std::max(metric_->least(), interval->first);
    result.high = interval->second;
  }
  return result;
}

bool DropAccumulator::new_non_finite() const {
  return std::ranges::any_of(outputs_, [](const auto& output) { return output->new_non_finite; });
}

bool DropAccumulator::hopeless(double budget, std::size_t remaining) const {
  const auto total = static_cast<double>(samples_ + remaining);
  return std::ranges::any_of(outputs_, [&](const auto& output) {
    if (output->infinite || output->new_non_finite) return true;
    if (total == 0 || output->drops.count == 0) return false;
    if (budget <= 0) return output->relative_l2 / total > kFullPrecision;
    const double sum = output->drops.mean * static_cast<double>(output->drops.count);
    return (sum + metric_->least() * static_cast<double>(remaining)) / total > budget;
  });
}

Verdict judge(const Drop& drop, const Budget& budget) {
  if (drop.new_non_finite) return Verdict::kBreaks;
  if (budget.full_precision_only()) return drop.relative_l2 <= kFullPrecision ? Verdict::kHolds : Verdict::kBreaks;
  if (!(drop.value <= *budget.drop)) return Verdict::kBreaks;
  if (budget.confidence) return drop.high && *drop.high <= *budget.drop ? Verdict::kHolds : Verdict::kBreaks;
  return drop.high && *drop.high > *budget.drop ? Verdict::kHoldsByEstimateOnly : Verdict::kHolds;
}

Json to_json(const Drop& drop) {
  const auto bound = [](const std::optional<double>& value) {
    return value ? json_from_number(*value) : Json(nullptr);
  };
  return {{"value", json_from_number(drop.value)},
          {"output", drop.output},
          {"low", bound(drop.low)},
          {"high", bound(drop.high)},
          {"confidence", drop.confidence},
          {"samples", drop.samples},
          {"blank", drop.blank},
          {"new_non_finite", drop.new_non_finite},
          {"relative_l2", json_from_number(drop.relative_l2)},
          {"largest_l2", json_from_number(drop.largest_l2)},
          {"psnr", json_from_number(drop.psnr)}};
}

}  // namespace speedster::accuracy
