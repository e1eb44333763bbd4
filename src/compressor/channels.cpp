#include "compressor/channels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace speedster::compressor {
namespace {

/// Several lanes side by side, as one would wait for its own last result at each value.
void add_block(std::span<const float> values, float& peak, double& sum) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> peaks{}, sums{};
  const std::size_t even = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < even; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane], size = std::abs(value);
      peaks[lane] = size > peaks[lane] ? size : peaks[lane];
      sums[lane] += value;
    }
  for (std::size_t i = even; i < values.size(); ++i) {
    peaks[0] = std::max(peaks[0], std::abs(values[i]));
    sums[0] += values[i];
  }
  peak = std::max(peak, *std::ranges::max_element(peaks));
  for (const float lane : sums) sum += static_cast<double>(lane);
}

bool all_finite(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

}  // namespace

void ChannelCollector::observe(const std::string& tensor, const TensorView& values, std::size_t behind) {
  if (values.dtype != DType::kFloat32 || values.shape.size() <= behind || values.count() == 0) return;
  const std::size_t axis = values.shape.size() - 1 - behind;
  const auto channels = static_cast<std::size_t>(values.shape[axis]);
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < values.shape.size(); ++i) inner *= static_cast<std::size_t>(values.shape[i]);
  Sums& sums = tensors_[tensor];
  if (sums.peak.empty()) sums.peak.resize(channels), sums.sum.resize(channels), sums.extents.resize(behind);
  sums.changes = sums.changes || sums.peak.size() != channels || sums.extents.size() != behind;
  if (sums.changes) return;
  for (std::size_t i = 0; i < behind; ++i) sums.extents[i] += static_cast<double>(values.shape[axis + 1 + i]);
  ++sums.samples;
  const std::span<const float> all = values.as<float>();
  const std::size_t blocks = all.size() / inner;
  sums.count += static_cast<double>(all.size() / channels);
  if (inner > 1) {
    for (std::size_t block = 0; block < blocks; ++block) {
      const std::size_t c = block % channels;
      add_block(all.subspan(block * inner, inner), sums.peak[c], sums.sum[c]);
    }
    return;
  }
  for (std::size_t row = 0; row < all.size(); row += channels)
    for (std::size_t c = 0; c < channels; ++c) {
      sums.peak[c] = std::max(sums.peak[c], std::abs(all[row + c]));
      sums.sum[c] += static_cast<double>(all[row + c]);
    }
}

ChannelTable ChannelCollector::statistics() const {
  ChannelTable channels;
  for (const auto& [tensor, sums] : tensors_) {
    if (sums.changes) continue;
    ChannelStatistics found{{sums.peak.begin(), sums.peak.end()}, {}, {}};
    for (const double sum : sums.sum) found.mean.push_back(sum / sums.count);
    for (const double extent : sums.extents) found.extents.push_back(extent / sums.samples);
    if (all_finite(found.peak) && all_finite(found.mean)) channels.emplace(tensor, std::move(found));
  }
  return channels;
}

}  // namespace speedster::compressor
