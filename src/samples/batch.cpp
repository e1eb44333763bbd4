#include "samples/batch.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace speedster::samples {
namespace {

bool well_known(const std::string& name) {
  static constexpr std::array<std::string_view, 8> kNames = {"batch", "batch_size", "batchsize", "N",
                                                             "n",     "B",          "b",         "bs"};
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("batch") || name.starts_with("Batch");
}

std::string batch_symbol(const Signature& signature) {
  std::map<std::string, int> votes;
  for (const TensorSpec& input : signature.inputs) {
    for (const Axis& axis : input.axes)
      if (axis.dynamic() && well_known(axis.name)) return axis.name;
    if (!input.axes.empty() && input.axes[0].dynamic() && !input.axes[0].name.empty()) ++votes[input.axes[0].name];
  }
  const auto most = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  return most == votes.end() ? std::string() : most->first;
}

/// A size for every symbol that --shapes fixes, after checking --shapes itself.
Result<std::map<std::string, std::int64_t>> symbol_sizes(const Signature& signature,
                                                         const std::map<std::string, Shape>& shapes) {
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, shape] : shapes) {
    const TensorSpec* input = signature.input(name);
    const std::string given = "[samples] expected --shapes to fit the model, got " + name + "=" + to_string(shape);
    if (input == nullptr) {
      std::string known;
      for (const TensorSpec& spec : signature.inputs) known += "\n  " + describe(spec);
      return Error(ErrorKind::kUsage, given + ", but the model's inputs are" + known);
    }
    if (input->unknown_rank) continue;
    if (shape.size() != input->axes.size())
      return Error(ErrorKind::kUsage,
                   given + " for " + describe(*input) + "; try " + std::to_string(input->axes.size()) + " sizes");
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const Axis& axis = input->axes[i];
      if (shape[i] < 0 || (!axis.dynamic() && axis.value != shape[i]))
        return Error(ErrorKind::kUsage,
                     given + " for " + describe(*input) + "; try the model's own size for axis " + std::to_string(i));
      if (!axis.dynamic() || axis.name.empty()) continue;
      const auto [known, fresh] = sizes.emplace(axis.name, shape[i]);
      if (!fresh && known->second != shape[i])
        return Error(ErrorKind::kUsage, given + ", but " + axis.name + " was " + std::to_string(known->second) +
                                            " before; try one size for each symbol");
    }
  }
  return sizes;
}

}  // namespace

Result<std::vector<BatchAxis>> batch_axes(const Signature& signature, const std::map<std::string, Shape>& shapes) {
  SPEEDSTER_ASSIGN(const auto sizes, symbol_sizes(signature, shapes));
  const std::string symbol = batch_symbol(signature);
  std::vector<BatchAxis> result;
  for (const TensorSpec& input : signature.inputs) {
    BatchAxis batch;
    const auto named = std::ranges::find_if(
        input.axes, [&](const Axis& axis) { return axis.dynamic() && !symbol.empty() && axis.name == symbol; });
    if (named != input.axes.end()) {
      batch = {static_cast<std::size_t>(named - input.axes.begin()), true, 1};
    } else if (input.unknown_rank) {
      batch = {0, false, 1};
    } else if (!input.axes.empty()) {
      const Axis& first = input.axes[0];
      if (!first.dynamic())
        batch = {0, first.value == 1, std::max<std::int64_t>(first.value, 1)};
      else if (first.name.empty())
        batch = {0, true, 1};
    }
    const auto given = shapes.find(input.name);
    if (batch.axis && given != shapes.end() && given->second.size() > *batch.axis)
      batch.size = given->second[*batch.axis];
    else if (const auto size = sizes.find(symbol); named != input.axes.end() && size != sizes.end())
      batch.size = size->second;
    if (batch.size < 1)
      return Error(ErrorKind::kUsage,
                   "[samples] expected a batch of at least 1 for " + input.name + ", got --shapes with 0");
    result.push_back(batch);
  }
  return result;
}

}  // namespace speedster::samples
