#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/text.h"
#include "samples/random.h"
#include "samples/store.h"

namespace speedster::samples {
namespace {

constexpr std::size_t kLeastIndependent = 32;  // below it a part would be too small to say anything
constexpr std::size_t kMostCalibration = 512, kMostSearch = 512;

struct Range {
  std::int64_t min = 0, opt = 0, max = 0;
};

/// Sizes seen and how often; the most frequent one is typical, of equals the larger.
Range range_of(const std::map<std::int64_t, std::size_t>& sizes) {
  auto typical = sizes.begin();
  for (auto it = sizes.begin(); it != sizes.end(); ++it)
    if (it->second >= typical->second) typical = it;
  return {sizes.begin()->first, typical->first, sizes.rbegin()->first};
}

void widen(Axis& axis, const Range& seen) {
  axis.min = std::min(axis.min.value_or(seen.min), seen.min);
  axis.max = std::max(axis.max.value_or(seen.max), seen.max);
  axis.opt = std::clamp(axis.opt.value_or(seen.opt), *axis.min, *axis.max);
}

Result<void> check_axes(const Signature& signature, const SampleOptions& options) {
  std::set<std::string> known;
  for (const TensorSpec& input : signature.inputs)
    for (const Axis& axis : input.axes)
      if (axis.dynamic() && !axis.name.empty()) known.insert(axis.name);
  for (const auto& [name, range] : options.axes) {
    if (!known.contains(name))
      return Error(ErrorKind::kUsage,
                   "[samples] expected --axis with a dynamic axis of the inputs (" +
                       (known.empty() ? std::string("there is none with a name") : join(known, ", ")) + "), got \"" +
                       name + "\"; try one of them");
    if (range.min < 1 || range.min > range.opt || range.opt > range.max)
      return Error(ErrorKind::kUsage, "[samples] expected --axis " + name +
                                          "=MIN:OPT:MAX with 1 <= MIN <= OPT <= MAX, got " + std::to_string(range.min) +
                                          ":" + std::to_string(range.opt) + ":" + std::to_string(range.max) +
                                          "; try the sizes in order");
  }
  return {};
}

/// The sizes that a mix gives to the axes, by what moves together; opt is that of the most frequent shapes.
std::map<std::string, Range> ranges_of(const Signature& signature, const std::vector<ShapeShare>& mix) {
  std::map<std::string, Range> ranges;
  for (const ShapeShare& one : mix)
    for (const auto& [key, size] : axis_sizes(signature, one.shapes)) {
      Range& range = ranges.try_emplace(key, Range{size, size, size}).first->second;
      range.min = std::min(range.min, size);
      range.max = std::max(range.max, size);
    }
  if (!mix.empty())
    for (const auto& [key, size] : axis_sizes(signature, most_frequent(mix).shapes)) ranges.at(key).opt = size;
  return ranges;
}

}  // namespace

const ShapeShare& most_frequent(const std::vector<ShapeShare>& mix) {
  return *std::ranges::max_element(mix, {}, &ShapeShare::share);
}

Result<Signature> with_ranges(const Signature& signature, const SampleStore& store, const SampleOptions& options) {
  SPEEDSTER_TRY(check_axes(signature, options));
  Signature result = signature;
  std::vector<std::vector<std::map<std::int64_t, std::size_t>>> seen(result.inputs.size());
  for (std::size_t i = 0; i < store.size(); ++i) {
    const auto sample = store.sample(i);
    if (!sample) break;
    for (std::size_t k = 0; k < result.inputs.size() && k < sample->size(); ++k) {
      const auto shape = (*sample)[k].shape;
      seen[k].resize(std::max(seen[k].size(), shape.size()));
      for (std::size_t axis = 0; axis < shape.size(); ++axis) ++seen[k][axis][shape[axis]];
    }
  }
  const std::map<std::string, Range> mixed = ranges_of(result, options.mix);
  std::map<std::string, Range> symbols;
  for (std::size_t k = 0; k < result.inputs.size(); ++k) {
    TensorSpec& input = result.inputs[k];
    const auto given = options.shapes.find(input.name);
    for (std::size_t i = 0; i < input.axes.size() && i < seen[k].size(); ++i) {
      Axis& axis = input.axes[i];
      if (!axis.dynamic() || seen[k][i].empty()) continue;
      Range range = range_of(seen[k][i]);
      if (given != options.shapes.end() && i < given->second.size()) {
        range.opt = given->second[i];
        range.min = std::min(range.min, range.opt);
        range.max = std::max(range.max, range.opt);
      }
      if (const auto sizes = mixed.find(axis_key(input, i)); sizes != mixed.end())
        range = {std::min(range.min, sizes->second.min), sizes->second.opt, std::max(range.max, sizes->second.max)};
      widen(axis, range);
      if (const auto wanted = options.axes.find(axis.name); wanted != options.axes.end()) {
        axis.min = std::min(*axis.min, wanted->second.min);
        axis.max = std::max(*axis.max, wanted->second.max);
        axis.opt = wanted->second.opt;
      }
      if (!axis.name.empty()) symbols.emplace(axis.name, Range{*axis.min, *axis.opt, *axis.max});
    }
  }
  for (TensorSpec& output : result.outputs)
    for (Axis& axis : output.axes)
      if (const auto symbol = symbols.find(axis.name); axis.dynamic() && symbol != symbols.end())
        widen(axis, symbol->second);
  return result;
}

Split split(std::size_t samples, std::uint64_t seed) {
  std::vector<std::size_t> order(samples);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random random(seed);
  for (std::size_t i = samples; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);

  if (samples < kLeastIndependent) return {order, order, order, false};
  const auto calibration = static_cast<std::ptrdiff_t>(std::min(samples / 4, kMostCalibration));
  const auto search = calibration + static_cast<std::ptrdiff_t>(std::min(samples / 4, kMostSearch));
  return {{order.begin(), order.begin() + calibration},
          {order.begin() + calibration, order.begin() + search},
          {order.begin() + search, order.end()},
          true};
}

std::vector<std::size_t> spread_over(const std::vector<std::size_t>& indices, std::size_t most) {
  const std::size_t count = std::min(indices.size(), most);
  std::vector<std::size_t> taken;
  taken.reserve(count);
  for (std::size_t i = 0; i < count; ++i) taken.push_back(indices[i * indices.size() / count]);
  return taken;
}

}  // namespace speedster::samples
