#include "accuracy/metric.h"

#include <limits>

#include "accuracy/label_metrics.h"
#include "base/text.h"

namespace speedster::accuracy {
namespace {

enum class Kind { kInteger, kReal, kComplex };

Kind kind_of(DType dtype) {
  const auto code = info(dtype).dl.code;
  if (code == kDLBool || code == kDLInt || code == kDLUInt) return Kind::kInteger;
  return code == kDLComplex ? Kind::kComplex : Kind::kReal;
}

/// A metric that the difference of the two outputs answers.
class DifferenceMetric final : public Metric {
 public:
  using Figure = double (*)(const Difference&);
  DifferenceMetric(std::string_view name, Figure figure) : name_(name), figure_(figure) {}
  std::string_view name() const override { return name_; }
  bool needs_labels() const override { return false; }

 private:
  Result<double> comparable_drop(const Difference& difference, const TensorView&, const TensorView&,
                                 const Label&) const override {
    return figure_(difference);
  }
  std::string_view name_;
  Figure figure_;
};

/// In units of the original's variance; a constant original has none, then of its mean square.
double normalized_mse(const Difference& d) {
  return d.variance > 0 ? d.mse / d.variance : d.relative_l2 * d.relative_l2;
}

struct NamedFigure {
  std::string_view name;
  DifferenceMetric::Figure figure;
};
constexpr NamedFigure kDifferenceMetrics[] = {
    {"cosine", [](const Difference& d) { return 1 - d.cosine; }},
    {"relative_l2", [](const Difference& d) { return d.relative_l2; }},
    {"mse", normalized_mse},
    {"numeric_precision", [](const Difference& d) { return d.mean_relative; }},
};
constexpr std::string_view kTopK = "top_k:";

}  // namespace

Result<double> Metric::drop(const Difference& difference, const TensorView& original, const TensorView& candidate,
                            const Label& label) const {
  if (!difference.same_shape || difference.new_non_finite || kind_of(original.dtype) != kind_of(candidate.dtype))
    return std::numeric_limits<double>::infinity();
  return comparable_drop(difference, original, candidate, label);
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const NamedFigure& metric : kDifferenceMetrics) names.emplace_back(metric.name);
  names.insert(names.end(), {"accuracy", "top_k:K"});
  return names;
}

Result<std::unique_ptr<Metric>> make_metric(std::string_view name) {
  for (const NamedFigure& metric : kDifferenceMetrics)
    if (metric.name == name)
      return std::unique_ptr<Metric>(std::make_unique<DifferenceMetric>(metric.name, metric.figure));
  if (name == "accuracy") return make_accuracy();
  if (name.starts_with(kTopK)) {
    const auto k = parse_number<std::int64_t>(name.substr(kTopK.size()));
    if (k && *k > 0) return make_top_k(*k);
  }
  return Error(ErrorKind::kUsage, "[accuracy] expected a metric among " + join(metric_names(), ", ") + ", got \"" +
                                      std::string(name) + "\"; try --metric-command for one of your own");
}

}  // namespace speedster::accuracy
