#include "rewrite/rewrite.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/text.h"
#include "onnx/graph.h"

namespace speedster::rewrite {
namespace {

using onnx_model::OnnxModel;

constexpr const char* kAll = "all";

bool contains(std::span<const std::string> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::size_t node_count(const OnnxModel& model) {
  const auto& nodes = model.proto().graph().node();
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [](const auto& node) { return node.op_type() != "Constant"; }));
}

/// Why what a pass made is taken back; empty where it stays.
std::string objection(const Distance& distance) {
  if (!distance.same_shape) return "an output has another shape or type";
  if (distance.new_non_finite) return "an output is not finite where it was";
  if (is_lossless(distance)) return {};
  char text[96];
  std::snprintf(text, sizeof text, "an output is %.3g from the original's, more than %.0e", distance.relative_l2,
                kLossless);
  return text;
}

/// What no other pass would be spared either.
bool ends_everything(const Error& error) {
  return error.kind() == ErrorKind::kNoSpace || error.kind() == ErrorKind::kCancelled;
}

void note(PassRow& row, const Distance& distance) {
  row.relative_l2 = distance.relative_l2;
  row.judge = distance.judge;
}

/// One pass, and the comparison behind it where there is one.
Result<PassRow> run(const Pass& pass, OnnxModel& model, const Options& options, const Verify& verify) {
  PassRow row{std::string(pass.name)};
  const double begin = now_seconds();
  OnnxModel next = model.clone();
  Result<std::size_t> changed = pass.apply(next, options.evaluate);
  row.seconds = now_seconds() - begin;
  if (!changed.ok()) {
    if (ends_everything(changed.error())) return std::move(changed).error();
    row.undone = changed.error().full_message();
    return row;
  }
  row.changes = *changed;
  if (row.changes == 0) return row;
  if (verify) {
    const double compared = now_seconds();
    const Result<Distance> distance = verify(next);
    row.verify_seconds = now_seconds() - compared;
    if (!distance.ok() && ends_everything(distance.error())) return distance.error();
    if (distance.ok()) note(row, *distance);
    row.undone = distance.ok() ? objection(*distance) : distance.error().full_message();
  }
  if (row.undone.empty()) model = std::move(next);
  return row;
}

Result<std::vector<PassRow>> run_all(OnnxModel& model, const Options& options, const Verify& verify) {
  std::vector<PassRow> rows;
  for (const Pass& pass : passes()) {
    if (contains(options.disabled, kAll) || contains(options.disabled, pass.name)) {
      rows.push_back({.name = std::string(pass.name), .disabled = true});
      continue;
    }
    SPEEDSTER_ASSIGN(PassRow row, run(pass, model, options, verify));
    rows.push_back(std::move(row));
  }
  return rows;
}

/// All passes with one comparison at the end. Nothing where that fails, or there is none.
Result<std::optional<std::vector<PassRow>>> run_together(OnnxModel& model, const Options& options) {
  std::optional<std::vector<PassRow>> none;
  if (!options.verify) return none;
  OnnxModel next = model.clone();
  SPEEDSTER_ASSIGN(std::vector<PassRow> rows, run_all(next, options, {}));
  const auto changed = [](const PassRow& row) { return row.changes > 0; };
  const auto last = std::ranges::find_if(rows.rbegin(), rows.rend(), changed);
  if (last == rows.rend()) return std::optional(std::move(rows));
  const double begin = now_seconds();
  const Result<Distance> distance = options.verify(next);
  last->verify_seconds = now_seconds() - begin;
  if (!distance.ok() && ends_everything(distance.error())) return distance.error();
  if (!distance.ok() || !objection(*distance).empty()) return none;
  for (PassRow& row : rows)
    if (changed(row)) note(row, *distance);
  model = std::move(next);
  return std::optional(std::move(rows));
}

}  // namespace

bool is_lossless(const Distance& distance) {
  return distance.same_shape && !distance.new_non_finite && distance.relative_l2 <= kLossless;
}

Result<void> check_names(std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (name == kAll || std::ranges::any_of(passes(), [&](const Pass& pass) { return pass.name == name; })) continue;
    std::vector<std::string> known;
    for (const Pass& pass : passes()) known.emplace_back(pass.name);
    return Error(ErrorKind::kUsage,
                 "[rewrite] expected a pass of " + join(known, ", ") + " or all, got \"" + name + "\"");
  }
  return {};
}

bool disables_all(std::span<const std::string> names) {
  return contains(names, kAll) || std::ranges::all_of(passes(), [&](const Pass& p) { return contains(names, p.name); });
}

std::size_t Rewriting::changes() const {
  std::size_t sum = 0;
  for (const PassRow& pass : passes)
    if (pass.undone.empty()) sum += pass.changes;
  return sum;
}

Result<Rewriting> rewrite(OnnxModel& model, const Options& options) {
  SPEEDSTER_TRY(check_names(options.disabled));
  Rewriting result;
  result.nodes_before = node_count(model);
  result.bytes_before = model.weight_bytes();
  SPEEDSTER_ASSIGN(std::optional<std::vector<PassRow>> rows, run_together(model, options));
  if (!rows) {  // one by one: whose fault it is
    SPEEDSTER_ASSIGN(rows, run_all(model, options, options.verify));
  }
  result.passes = *std::move(rows);
  result.nodes_after = node_count(model);
  result.bytes_after = model.weight_bytes();
  return result;
}

Json to_json(const Rewriting& rewriting) {
  Json json = {{"passes", Json::array()},
               {"nodes_before", rewriting.nodes_before},
               {"nodes_after", rewriting.nodes_after},
               {"bytes_before", rewriting.bytes_before},
               {"bytes_after", rewriting.bytes_after},
               {"changes", rewriting.changes()}};
  for (const PassRow& pass : rewriting.passes)
    json["passes"].push_back({{"name", pass.name},
                              {"changes", pass.changes},
                              {"seconds", json_from_number(pass.seconds)},
                              {"verify_seconds", json_from_number(pass.verify_seconds)},
                              {"relative_l2", pass.relative_l2 ? json_from_number(*pass.relative_l2) : Json(nullptr)},
                              {"judge", pass.judge},
                              {"undone", pass.undone},
                              {"disabled", pass.disabled}});
  return json;
}

}  // namespace speedster::rewrite
