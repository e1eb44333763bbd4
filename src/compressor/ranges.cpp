#include "compressor/ranges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace speedster::compressor {
namespace {

constexpr int kSteps = 255;
// What is tried: this many sizes of a side, down to a twentieth of it (a single outlier may be further out than that,
// and the next round begins where the last ended).
constexpr int kTried = 60;
constexpr double kSmallest = 0.05;
constexpr int kRounds = 3;

double centre(const Bins& bins, std::size_t bin) { return bins.low + bins.width * (static_cast<double>(bin) + 0.5); }

/// A range holds 0, which the quantizer needs exactly.
Range with_zero(const Range& range) { return {std::min(range.low, 0.0), std::max(range.high, 0.0)}; }

double squared_error(const Bins& bins, const Range& range) {
  const double step = (range.high - range.low) / kSteps;
  double error = 0;
  for (std::size_t bin = 0; bin < bins.counts.size(); ++bin) {
    if (bins.counts[bin] == 0) continue;
    const double value = centre(bins, bin), count = static_cast<double>(bins.counts[bin]);
    // Zeros (after a Relu, most of all values) are exact.
    if (std::abs(value) <= bins.width / 2) continue;
    const double cut = value < range.low ? range.low - value : value > range.high ? value - range.high : 0;
    error += count * (cut > 0 ? cut * cut : step * step / 12);
  }
  return error;
}

/// The size of one side, as a share of what it is, with the least error.
template <typename Error>
double best_share(const Error& error) {
  double best = 1, least = error(1.0);
  for (int i = 1; i < kTried; ++i) {
    const double share = 1 - (1 - kSmallest) * i / (kTried - 1);
    if (const double here = error(share); here < least) least = here, best = share;
  }
  return best;
}

double divergence(const Bins& bins, const Range& range) {
  // Values beyond the edges count at them; what is rounded is what lies inside alone.
  std::vector<double> reference;
  std::vector<int> level;
  double below = 0, above = 0;
  const double step = (range.high - range.low) / kSteps;
  for (std::size_t bin = 0; bin < bins.counts.size(); ++bin) {
    const double value = centre(bins, bin), count = static_cast<double>(bins.counts[bin]);
    if (std::abs(value) <= bins.width / 2) continue;
    if (value < range.low) {
      below += count;
    } else if (value > range.high) {
      above += count;
    } else {
      reference.push_back(count);
      level.push_back(std::clamp(static_cast<int>((value - range.low) / step), 0, kSteps - 1));
    }
  }
  if (reference.empty()) return std::numeric_limits<double>::infinity();
  std::array<double, kSteps> sums{}, filled{};
  for (std::size_t i = 0; i < reference.size(); ++i) {
    sums[static_cast<std::size_t>(level[i])] += reference[i];
    if (reference[i] > 0) ++filled[static_cast<std::size_t>(level[i])];
  }
  double inside = 0;
  for (const double count : reference) inside += count;
  if (inside <= 0) return std::numeric_limits<double>::infinity();
  const double all = inside + below + above;
  double sum = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double cut = (i == 0 ? below : 0) + (i + 1 == reference.size() ? above : 0);
    const double p = (reference[i] + cut) / all;
    if (p <= 0) continue;
    const auto at = static_cast<std::size_t>(level[i]);
    // A bin that holds nothing but what was cut has no counterpart.
    const double q = reference[i] > 0 ? sums[at] / filled[at] / inside : 1e-12;
    sum += p * std::log(p / q);
  }
  return sum;
}

}  // namespace

const char* calibration_name(Calibration method) {
  switch (method) {
    case Calibration::kMinMax: return "minmax";
    case Calibration::kPercentile: return "percentile";
    case Calibration::kMse: return "mse";
    case Calibration::kEntropy: return "entropy";
  }
  return "";
}

std::span<const Calibration> calibrations() {
  static constexpr Calibration kAll[] = {Calibration::kMinMax, Calibration::kPercentile, Calibration::kMse,
                                         Calibration::kEntropy};
  return kAll;
}

std::optional<Calibration> calibration_named(std::string_view name) {
  for (const Calibration method : calibrations())
    if (name == calibration_name(method)) return method;
  return std::nullopt;
}

Range least_squared_error(const Bins& bins, const Range& whole) {
  Range best = with_zero(whole);
  for (int round = 0; round < kRounds; ++round) {
    const Range before = best;
    best.high *= best_share([&](double share) { return squared_error(bins, {best.low, best.high * share}); });
    best.low *= best_share([&](double share) { return squared_error(bins, {best.low * share, best.high}); });
    if (best.high == before.high && best.low == before.low) break;
  }
  return best;
}

Range least_divergence(const Bins& bins, const Range& whole) {
  Range best = with_zero(whole);
  for (int round = 0; round < kRounds; ++round) {
    const double share = best_share([&](double part) { return divergence(bins, {best.low * part, best.high * part}); });
    if (share == 1) break;
    best = {best.low * share, best.high * share};
  }
  return best;
}

}  // namespace speedster::compressor
