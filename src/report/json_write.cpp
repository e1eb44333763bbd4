#include <speedster/report.h>

#include "base/json.h"
#include "report/fate.h"
#include "report/json_form.h"

namespace speedster {
namespace {

Json number(const std::optional<double>& value) { return value ? json_from_number(*value) : Json(nullptr); }

Json figure(const std::optional<Figure>& value) {
  if (!value) return nullptr;
  return {{"value", json_from_number(value->value)}, {"low", number(value->low)}, {"high", number(value->high)}};
}

/// A plain figure with an interval that is kept beside it.
Json figure(const std::optional<double>& value, const std::optional<std::pair<double, double>>& interval) {
  if (!value) return nullptr;
  Figure joined{*value, {}, {}};
  if (interval) joined.low = interval->first, joined.high = interval->second;
  return figure(joined);
}

template <typename Index>
Json index(const std::optional<Index>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// Text that is JSON by contract; null where it is none, so that the report stays well-formed.
Json embedded(const std::string& text) {
  Result<Json> json = parse_json(text.empty() ? "null" : text, "report");
  return json && json->is_object() ? *std::move(json) : Json(nullptr);
}

Json row_json(const CandidateRow& row) {
  return {{"name", row.name},
          {"fate", fate_name(row.fate)},
          {"reason", row.reason},
          {"backend", row.backend},
          {"backend_version", row.backend_version},
          {"vendor_library", row.vendor_library},
          {"techniques", row.techniques},
          {"requested_precision", row.requested_precision},
          {"ran_precision", row.ran_precision},
          {"options", row.options},
          {"threads", row.threads},
          {"latency_seconds",
           {{"median", figure(row.latency_median)},
            {"p90", figure(row.latency_p90, row.latency_p90_interval)},
            {"p99", figure(row.latency_p99, row.latency_p99_interval)}}},
          {"throughput_per_second", figure(row.throughput)},
          {"speedup", figure(row.speedup)},
          {"race_latency_seconds", number(row.race_latency)},
          {"model_bytes", row.model_bytes},
          {"peak_memory_bytes", row.peak_memory_bytes},
          {"load_seconds", number(row.load_seconds)},
          {"call_cpu_seconds", number(row.call_cpu_seconds)},
          {"prepare_seconds", number(row.prepare_seconds)},
          {"drop", figure(row.drop)},
          {"drop_independent", row.drop_independent},
          {"drop_note", row.drop_note},
          {"relative_l2", json_from_number(row.relative_l2)},
          {"psnr", row.psnr ? json_from_number(*row.psnr) : Json(nullptr)},
          {"job_directory", row.job_directory},
          {"on_front", row.on_front}};
}

Json map_json(const PrecisionMap& map) {
  Json json = {{"candidate", map.candidate}, {"base", map.base},
               {"rest", map.rest},           {"base_drop", json_from_number(map.base_drop)},
               {"drop", number(map.drop)},   {"layers", Json::array()},
               {"trials", Json::array()}};
  for (const PrecisionLayer& layer : map.layers)
    json["layers"].push_back({{"name", layer.name},
                              {"group", layer.group},
                              {"precision", layer.given_back ? map.rest : "int8"},
                              {"loses", json_from_number(layer.loses)},
                              {"measured_alone", layer.measured_alone},
                              {"seconds", json_from_number(layer.seconds)},
                              {"given_back", layer.given_back}});
  for (const PrecisionTrial& trial : map.trials)
    json["trials"].push_back(
        {{"given_back", trial.given_back}, {"drop", json_from_number(trial.drop)}, {"holds", trial.holds}});
  return json;
}

Json rewriting_json(const std::optional<GraphRewriting>& rewriting) {
  if (!rewriting) return nullptr;
  Json json = {{"nodes_before", rewriting->nodes_before},
               {"nodes_after", rewriting->nodes_after},
               {"bytes_before", rewriting->bytes_before},
               {"bytes_after", rewriting->bytes_after},
               {"passes", Json::array()},
               {"failed", rewriting->failed}};
  for (const RewritePass& pass : rewriting->passes)
    json["passes"].push_back({{"name", pass.name},
                              {"changes", pass.changes},
                              {"seconds", json_from_number(pass.seconds)},
                              {"verify_seconds", json_from_number(pass.verify_seconds)},
                              {"relative_l2", number(pass.relative_l2)},
                              {"judge", pass.judge},
                              {"undone", pass.undone},
                              {"disabled", pass.disabled}});
  return json;
}

}  // namespace

const char* fate_name(CandidateFate fate) { return report::fate_row(fate).name; }

std::string report_json(const Report& report) {
  Json json = {{"report_version", report::kReportVersion},
               {"outcome", report.outcome},
               {"model", {{"path", report.model}, {"digest", report.model_digest}}},
               {"package", {{"path", report.package}, {"manifest_sha256", report.manifest_sha256}}},
               {"metric", {{"name", report.metric}, {"budget", number(report.budget)}}},
               {"samples",
                {{"total", report.samples},
                 {"calibration", report.calibration_samples},
                 {"search", report.search_samples},
                 {"judging", report.judging_samples},
                 {"random", report.samples_random}}},
               {"original_settings", report.original_settings},
               {"original", row_json(report.original)},
               {"winner", index(report.winner)},
               {"undecided", report.undecided},
               {"candidates", Json::array()},
               {"accept", {{"candidate", index(report.accept_candidate)}, {"command", report.accept_command}}},
               {"measurement",
                {{"rounds", report.rounds},
                 {"dropped_rounds", report.dropped_rounds},
                 {"noise_floor", json_from_number(report.noise_floor)},
                 {"machine_busy", report.machine_busy}}},
               {"precision_maps", Json::array()},
               {"rewriting", rewriting_json(report.rewriting)},
               {"corners", Json::array()},
               {"stages", Json::array()},
               {"notes", report.notes},
               {"seconds", json_from_number(report.seconds)},
               {"parent_peak_bytes", report.parent_peak_bytes},
               {"seed", report.seed},
               {"machine", embedded(report.machine_json)},
               {"provenance", embedded(report.provenance_json)}};
  for (const CandidateRow& row : report.candidates) json["candidates"].push_back(row_json(row));
  for (const PrecisionMap& map : report.precision_maps) json["precision_maps"].push_back(map_json(map));
  for (const CornerRow& corner : report.corners)
    json["corners"].push_back({{"name", corner.name},
                               {"original_seconds", number(corner.original_seconds)},
                               {"winner_seconds", number(corner.winner_seconds)},
                               {"slower", corner.slower},
                               {"error", corner.error}});
  for (const StageTime& stage : report.stages)
    json["stages"].push_back({{"stage", stage.stage}, {"seconds", json_from_number(stage.seconds)}});
  return to_text(json, 2);
}

}  // namespace speedster
