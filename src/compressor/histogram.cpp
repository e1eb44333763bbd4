#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

#include "compressor/quantize.h"
#include "compressor/ranges.h"
#include "tensor/difference.h"

namespace speedster::compressor {

/// 2048 bins over [low, low + 2048 · width). A value outside doubles the width, merging bins in pairs, so that no
/// earlier sample is needed again.
class RangeCollector::Histogram {
 public:
  explicit Histogram(bool bins) : keeps_bins_(bins) {}

  void observe(const TensorView& values) {
    if (values.dtype == DType::kFloat32) return observe(values.as<float>());
    std::vector<float> floats;
    for (std::int64_t i = 0; i < values.count(); ++i) floats.push_back(static_cast<float>(element(values, i)));
    observe(floats);
  }

  bool empty() const { return minimum_ > maximum_; }
  Range extremes() const { return {minimum_, maximum_}; }

  /// Bins that hold something: from the lowest value that was seen to the highest.
  Bins bins() const {
    const auto bin_of = [&](double value) {
      return static_cast<std::size_t>(std::clamp(place(value), 0.0, static_cast<double>(kBins - 1)));
    };
    const std::size_t first = bin_of(minimum_), last = bin_of(maximum_);
    return {low_ + width_ * static_cast<double>(first), width_, std::span(counts_).subspan(first, last - first + 1)};
  }

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

  struct Extremes {
    float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
    bool finite = true;
  };

  /// Several lanes side by side, as one would wait for its own last result at each value.
  static Extremes extremes_of(std::span<const float> values) {
    constexpr std::size_t kLanes = 8;
    const Extremes none;
    std::array<float, kLanes> low{}, high{}, not_a_number{};
    low.fill(none.low);
    high.fill(none.high);
    const auto take = [&](std::size_t lane, float value) {
      low[lane] = value < low[lane] ? value : low[lane];
      high[lane] = value > high[lane] ? value : high[lane];
      not_a_number[lane] += value * 0.0F;  // NaN for NaN and infinity, else 0
    };
    const std::size_t even = values.size() / kLanes * kLanes;
    for (std::size_t i = 0; i < even; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) take(lane, values[i + lane]);
    for (std::size_t i = even; i < values.size(); ++i) take(0, values[i]);
    Extremes all;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      all.low = std::min(all.low, low[lane]);
      all.high = std::max(all.high, high[lane]);
      all.finite = all.finite && !std::isnan(not_a_number[lane]);
    }
    return all;
  }

  void observe(std::span<const float> values) {
    std::vector<float> finite;
    Extremes extremes = extremes_of(values);
    if (!extremes.finite) {
      std::ranges::copy_if(values, std::back_inserter(finite), [](float value) { return std::isfinite(value); });
      values = finite;
      extremes = extremes_of(values);
    }
    if (values.empty()) return;
    minimum_ = std::min<double>(minimum_, extremes.low);
    maximum_ = std::max<double>(maximum_, extremes.high);
    if (keeps_bins_) count(values, extremes);
  }

  void count(std::span<const float> values, const Extremes& extremes) {
    const double low = extremes.low, high = extremes.high;
    if (total_ == 0) {
      low_ = low;
      // A little more than the values need, or than numbers of that size can tell apart.
      width_ = std::max({high - low, 1e-6 * std::max(std::abs(low), std::abs(high)), 1e-30}) * 1.001 /
               static_cast<double>(kBins);
      bins_per_unit_ = 1 / width_;
    }
    total_ += values.size();
    while (place(low) < 0) widen_down();
    while (place(high) >= static_cast<double>(kBins)) widen_up();
    // Neighbours often fall into the same bin (zeros after a ReLU), and each increment would wait for the last.
    std::array<std::uint64_t, kBins> others{};
    for (std::size_t i = 0; i < values.size(); ++i)
      ++(i % 2 == 0 ? counts_ : others)[static_cast<std::size_t>(place(static_cast<double>(values[i])))];
    for (std::size_t bin = 0; bin < kBins; ++bin) counts_[bin] += others[bin];
  }

  double place(double value) const { return (value - low_) * bins_per_unit_; }

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
  if (!histogram) histogram = std::make_unique<Histogram>(calibration_ != Calibration::kMinMax);
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
    if (method == Calibration::kMse) range = least_squared_error(histogram->bins(), range);
    if (method == Calibration::kEntropy) range = least_divergence(histogram->bins(), range);
    ranges[tensor] = range;
  }
  return ranges;
}

}  // namespace speedster::compressor
