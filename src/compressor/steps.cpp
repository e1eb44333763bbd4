#include "compressor/steps.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace speedster::compressor {
namespace {

namespace fs = std::filesystem;
using onnx_model::OnnxModel;

template <typename Change>
auto change_file(const fs::path& in, const fs::path& out, const Change& change)
    -> decltype(change(std::declval<OnnxModel&>())) {
  SPEEDSTER_ASSIGN(OnnxModel model, OnnxModel::read(in));
  SPEEDSTER_ASSIGN(auto summary, change(model));
  SPEEDSTER_TRY(model.save(out));
  return summary;
}

}  // namespace

Result<QuantizationSummary> quantize_dynamic_file(const fs::path& in, const fs::path& out,
                                                  const DynamicOptions& options) {
  return change_file(in, out, [&](OnnxModel& model) { return quantize_dynamic(model, options); });
}

Result<QuantizationSummary> quantize_static_file(const fs::path& in, const fs::path& out, const Target& target,
                                                 const Ranges& ranges, const StaticOptions& options) {
  return change_file(in, out, [&](OnnxModel& model) { return quantize_static(model, target, ranges, options); });
}

Result<QuantizationSummary> convert_half_file(const fs::path& in, const fs::path& out, Half kind,
                                              const std::set<std::string>& keep_operators) {
  return change_file(in, out, [&](OnnxModel& model) { return convert_half(model, kind, keep_operators); });
}

Json to_json(const QuantizationSummary& summary) {
  return {{"quantized_nodes", summary.quantized_nodes},
          {"candidate_nodes", summary.candidate_nodes},
          {"nodes", summary.nodes},
          {"skipped", summary.skipped},
          {"corrected_biases", summary.corrected_biases}};
}

Json to_json(const MigrationSummary& summary) {
  return {{"absorbed", summary.absorbed}, {"inserted", summary.inserted}, {"skipped", summary.skipped}};
}

Json to_json(const Ranges& ranges) {
  Json json = Json::object();
  for (const auto& [tensor, range] : ranges) json[tensor] = {range.low, range.high};
  return json;
}

Result<Ranges> ranges_from_json(const Json& json) {
  const auto refuse = [](const std::string& got) {
    return Error(ErrorKind::kCorrupt, "[quantize] expected ranges as {tensor: [low, high]}, got " + got);
  };
  if (!json.is_object()) return refuse("no object");
  Ranges ranges;
  for (const auto& [tensor, pair] : json.items()) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
      return refuse("another value for '" + tensor + "'");
    const Range range{pair[0].get<double>(), pair[1].get<double>()};
    if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high)
      return refuse("no range for '" + tensor + "'");
    ranges[tensor] = range;
  }
  return ranges;
}

Json to_json(const ChannelTable& channels) {
  Json json = Json::object();
  for (const auto& [tensor, statistics] : channels)
    json[tensor] = {{"peak", statistics.peak}, {"mean", statistics.mean}, {"extents", statistics.extents}};
  return json;
}

Result<ChannelTable> channels_from_json(const Json& json) {
  const auto refuse = [](const std::string& got) {
    return Error(ErrorKind::kCorrupt,
                 R"([quantize] expected channels as {tensor: {"peak": […], "mean": […], "extents": […]}}, got )" + got);
  };
  if (!json.is_object()) return refuse("no object");
  const auto numbers = [](const Json& object, const char* key) -> std::optional<std::vector<double>> {
    if (!object.is_object() || !object.contains(key) || !object[key].is_array()) return std::nullopt;
    std::vector<double> values;
    for (const Json& value : object[key])
      if (value.is_number() && std::isfinite(value.get<double>())) values.push_back(value.get<double>());
    return values.size() == object[key].size() ? std::optional(std::move(values)) : std::nullopt;
  };
  const auto negative = [](double value) { return value < 0; };
  ChannelTable channels;
  for (const auto& [tensor, statistics] : json.items()) {
    auto peak = numbers(statistics, "peak"), mean = numbers(statistics, "mean"),
         extents = numbers(statistics, "extents");
    if (!peak || !mean || !extents || peak->empty() || peak->size() != mean->size() ||
        std::ranges::any_of(*peak, negative) || std::ranges::any_of(*extents, negative))
      return refuse("another value for '" + tensor + "'");
    channels.emplace(tensor, ChannelStatistics{*std::move(peak), *std::move(mean), *std::move(extents)});
  }
  return channels;
}

}  // namespace speedster::compressor
