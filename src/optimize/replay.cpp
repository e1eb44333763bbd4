#include "optimize/replay.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "compiler/recipe.h"

namespace speedster {
namespace {

constexpr const char* kWho = "recipe";

/// What a report's provenance says, each value for a field that still has its default.
class Told {
 public:
  explicit Told(const Json& provenance) : told_(provenance) {}

  bool has(const char* key) const { return told_.contains(key) && !told_.at(key).is_null(); }

  Result<void> text(const char* key, std::string& field) const {
    if (!field.empty() || !has(key)) return {};
    SPEEDSTER_ASSIGN(field, json_string(told_, key, kWho));
    return {};
  }
  Result<void> number(const char* key, std::optional<double>& field) const {
    if (field || !has(key)) return {};
    SPEEDSTER_ASSIGN(const double value, json_number(told_, key, kWho));
    field = value;
    return {};
  }
  template <typename Integer>
  Result<void> integer(const char* key, Integer unset, Integer most, Integer& field) const {
    if (field != unset || !has(key)) return {};
    SPEEDSTER_ASSIGN(const std::int64_t value, json_int(told_, key, kWho));
    if (value < 0 || static_cast<std::uint64_t>(value) > static_cast<std::uint64_t>(most))
      return Error(ErrorKind::kBadInput, "[recipe] expected \"" + std::string(key) + "\" of at most " +
                                             std::to_string(most) + ", got " + std::to_string(value));
    field = static_cast<Integer>(value);
    return {};
  }
  /// A table of lists of numbers, `count` each (0: any); `take` gets each row.
  template <typename Number, typename Take>
  Result<void> rows(const char* key, std::size_t count, const Take& take) const {
    if (!has(key)) return {};
    SPEEDSTER_ASSIGN(const Json* table, json_object(told_, key, kWho));
    for (const auto& [name, row] : table->items()) {
      const bool numbers = row.is_array() && std::ranges::all_of(row, [](const Json& item) {
                             return std::is_integral_v<Number> ? item.is_number_integer() : item.is_number();
                           });
      if (!numbers || (count > 0 && row.size() != count))
        return Error(ErrorKind::kBadInput,
                     "[recipe] expected numbers for \"" + name + "\" in \"" + key + "\", got " + row.dump());
      take(name, row.template get<std::vector<Number>>());
    }
    return {};
  }

 private:
  const Json& told_;
};

Result<void> take_samples(const Told& told, OptimizeRequest& request) {
  if (request.data.empty()) {
    SPEEDSTER_TRY(told.text("data", request.data));
    SPEEDSTER_TRY(told.text("labels", request.labels));
  }
  if (request.shapes.empty())
    SPEEDSTER_TRY(told.rows<std::int64_t>(
        "shapes", 0, [&](const std::string& name, std::vector<std::int64_t> row) { request.shapes[name] = row; }));
  if (request.ranges.empty())
    SPEEDSTER_TRY(told.rows<double>("ranges", 2, [&](const std::string& name, const std::vector<double>& row) {
      request.ranges[name] = {row[0], row[1]};
    }));
  if (request.axes.empty())
    SPEEDSTER_TRY(
        told.rows<std::int64_t>("axes", 3, [&](const std::string& name, const std::vector<std::int64_t>& row) {
          request.axes[name] = {row[0], row[1], row[2]};
        }));
  return {};
}

Result<void> take_accuracy(const Told& told, const Json& provenance, OptimizeRequest& request) {
  if (request.metric.empty() && request.metric_command.empty()) {
    SPEEDSTER_ASSIGN(const std::vector<std::string> program, json_strings(provenance, "metric_command", kWho));
    if (!program.empty())
      return Error(ErrorKind::kUsage,
                   "[recipe] expected --metric-command, because the report was judged by a program and none is run "
                   "that a file names, got none; try --metric-command " +
                       shell_quoted({shell_quoted(program)}));
    SPEEDSTER_TRY(told.text("metric", request.metric));
  }
  if (!request.metric_drop) {
    SPEEDSTER_TRY(told.number("metric_drop", request.metric_drop));
    SPEEDSTER_TRY(told.number("metric_confidence", request.metric_confidence));
  }
  return told.text("output", request.output_name);
}

Result<void> take(const std::string& text, OptimizeRequest& request) {
  SPEEDSTER_TRY(compiler::read_report_chains(text));
  SPEEDSTER_ASSIGN(const Json report, parse_json(text, kWho));
  const Json& provenance = report.at("provenance");
  const Told told(provenance);
  SPEEDSTER_TRY(take_samples(told, request));
  SPEEDSTER_TRY(take_accuracy(told, provenance, request));
  SPEEDSTER_TRY(told.integer<int>("threads", 0, 4096, request.threads));
  SPEEDSTER_TRY(told.integer<int>("concurrency", 1, 1024, request.concurrency));
  return told.integer<std::uint64_t>("seed", 0, std::numeric_limits<std::int64_t>::max(), request.seed);
}

}  // namespace

Result<OptimizeRequest> replayed(OptimizeRequest request) {
  SPEEDSTER_ASSIGN(const std::string text, read_file(request.recipe, compiler::kMaxRecipeBytes));
  auto taken = take(text, request);
  if (taken.ok()) return request;
  if (taken.error().kind() != ErrorKind::kCorrupt) return std::move(taken).error();
  return Error(ErrorKind::kBadInput, "[recipe] expected the report of a search, got a damaged one at " +
                                         request.recipe + ": " + taken.error().message() + "; try what --report wrote");
}

}  // namespace speedster
