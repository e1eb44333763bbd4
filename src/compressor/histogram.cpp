#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "compressor/quantize.h"
#include "tensor/difference.h"

namespace speedster::compressor {

/// 2048 bins over [low, low + 2048 · width). A value outside doubles the width, merging bins in pairs, so that no
/// earlier sample is needed again.
class RangeCollector::Histogram {
 public:
  explicit Histogram(bool bins) : keeps_bins_(bins) {}

  void observe(const TensorView& values) {
    const auto count = static_cast<std::size_t>(values.count());
    if (values.dtype == DType::kFloat32) {
      for (float value : values.as<float>()) add(static_cast<double>(value));
    } else {
      for (std::size_t i = 0; i < count; ++i) add(element(values, static_cast<std::int64_t>(i)));
    }
  }

  bool empty() const { return minimum_ > maximum_; }
  Range extremes() const { return {minimum_, maximum_}; }

  /// The value below which `share` of the observations lie.
  double quantile(double share) const {
    const double wanted = share * static_cast<double>(total_);
    double seen = 0;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      const auto here = static_cast<double>(counts_[bin]);
      if (seen + here >= wanted && here > 0)
        return low_ + width_ * (static_cast<double>(bin) + std::clamp((wanted - seen) / here, 0.0, 1.0));
      seen += here;
    }
    return maximum_;
  }

 private:
  static constexpr std::size_t kBins = 2048;

  void add(double value) {
    if (!std::isfinite(value)) return;
    minimum_ = std::min(minimum_, value);
    maximum_ = std::max(maximum_, value);
    if (!keeps_bins_) return;
    if (total_++ == 0) {
      width_ = std::max(std::abs(value), 1e-6) * 2.0 / static_cast<double>(kBins);
      low_ = value - width_ * static_cast<double>(kBins / 2);
      bins_per_unit_ = 1 / width_;
    }
    double at = (value - low_) * bins_per_unit_;
    while (at < 0 || at >= static_cast<double>(kBins)) {
      at < 0 ? widen_down() : widen_up();
      at = (value - low_) * bins_per_unit_;
    }
    ++counts_[static_cast<std::size_t>(at)];
  }

  void widen_up() {
    for (std::size_t bin = 0; bin < kBins / 2; ++bin) counts_[bin] = counts_[2 * bin] + counts_[2 * bin + 1];
    std::fill(counts_.begin() + kBins / 2, counts_.end(), 0);
    width_ *= 2;
    bins_per_unit_ = 1 / width_;
  }
  void widen_down() {
    for (std::size_t bin = kBins / 2; bin-- > 0;) counts_[kBins / 2 + bin] = counts_[2 * bin] + counts_[2 * bin + 1];
    std::fill(counts_.begin(), counts_.begin() + kBins / 2, 0);
    low_ -= width_ * static_cast<double>(kBins);
    width_ *= 2;
    bins_per_unit_ = 1 / width_;
  }

  bool keeps_bins_;
  double minimum_ = std::numeric_limits<double>::infinity(), maximum_ = -std::numeric_limits<double>::infinity();
  double low_ = 0, width_ = 0, bins_per_unit_ = 0;
  std::uint64_t total_ = 0;
  std::array<std::uint64_t, kBins> counts_{};
};

RangeCollector::RangeCollector(Calibration calibration, double percentile)
    : calibration_(calibration), percentile_(percentile) {}
RangeCollector::~RangeCollector() = default;
RangeCollector::RangeCollector(RangeCollector&&) noexcept = default;

void RangeCollector::observe(const std::string& tensor, const TensorView& values) {
  std::unique_ptr<Histogram>& histogram = histograms_[tensor];
  if (!histogram) histogram = std::make_unique<Histogram>(calibration_ == Calibration::kPercentile);
  histogram->observe(values);
}

Ranges RangeCollector::ranges(Calibration method) const {
  Ranges ranges;
  for (const auto& [tensor, histogram] : histograms_) {
    if (histogram->empty()) continue;
    Range range = histogram->extremes();
    if (method == Calibration::kPercentile) {
      const double cut = std::clamp(1.0 - percentile_ / 100.0, 0.0, 0.5) / 2.0;
      range.low = std::clamp(histogram->quantile(cut), range.low, range.high);
      range.high = std::clamp(histogram->quantile(1.0 - cut), range.low, range.high);
    }
    ranges[tensor] = range;
  }
  return ranges;
}

}  // namespace speedster::compressor
