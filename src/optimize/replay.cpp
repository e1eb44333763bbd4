#include "optimize/replay.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"

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
  Result<void> bytes(const char* key, std::optional<std::uint64_t>& field) const {
    if (field || !has(key)) return {};
    std::uint64_t value = 0;
    SPEEDSTER_TRY(integer<std::uint64_t>(key, 0, 0, std::numeric_limits<std::uint64_t>::max(), value));
    field = value;
    return {};
  }
  template <typename Integer>
  Result<void> integer(const char* key, Integer unset, std::uint64_t least, std::uint64_t most, Integer& field) const {
    if (field != unset || !has(key)) return {};
    const Json& value = told_.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least || value.get<std::uint64_t>() > most)
      return Error(ErrorKind::kCorrupt, "[recipe] expected " + std::to_string(least) + " to " + std::to_string(most) +
                                            " under \"" + key + "\", got another value");
    field = value.get<Integer>();
    return {};
  }
  /// A list of objects; empty where there is none.
  Result<std::vector<Json>> list(const char* key) const {
    if (!has(key)) return std::vector<Json>();
    SPEEDSTER_ASSIGN(const Json* found, json_array(told_, key, kWho));
    if (!std::ranges::all_of(*found, [](const Json& item) { return item.is_object(); }))
      return Error(ErrorKind::kCorrupt, std::string("[recipe] expected objects in \"") + key + "\", got another value");
    return std::vector<Json>(found->begin(), found->end());
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
        return Error(ErrorKind::kCorrupt, std::string("[recipe] expected ") +
                                              (count > 0 ? std::to_string(count) + " " : std::string()) +
                                              "numbers for each input or axis in \"" + key + "\", got another value");
      take(name, row.template get<std::vector<Number>>());
    }
    return {};
  }

 private:
  const Json& told_;
};

Result<void> take_mix(const Told& told, OptimizeRequest& request) {
  SPEEDSTER_ASSIGN(const std::vector<Json> list, told.list("shape_mix"));
  for (const Json& one : list) {
    OptimizeRequest::ShapeShare& share = request.shape_mix.emplace_back();
    const Told inner(one);
    SPEEDSTER_TRY(inner.rows<std::int64_t>(
        "shapes", 0, [&](const std::string& name, std::vector<std::int64_t> row) { share.shapes[name] = row; }));
    SPEEDSTER_ASSIGN(share.share, json_number(one, "share", kWho));
  }
  return {};
}

Result<void> take_samples(const Told& told, OptimizeRequest& request) {
  if (request.data.empty()) {
    SPEEDSTER_TRY(told.text("data", request.data));
    SPEEDSTER_TRY(told.text("labels", request.labels));
  }
  if (request.shapes.empty() && request.shape_mix.empty()) {
    SPEEDSTER_TRY(told.rows<std::int64_t>(
        "shapes", 0, [&](const std::string& name, std::vector<std::int64_t> row) { request.shapes[name] = row; }));
    SPEEDSTER_TRY(take_mix(told, request));
  }
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

Error other_metric(const std::string& theirs) {
  return {ErrorKind::kUsage, "[recipe] expected --metric-drop with another metric than the report's (" + theirs +
                                 "), whose budget means nothing here, got none; try --metric-drop DROP"};
}

Result<void> take_accuracy(const Told& told, const Json& provenance, OptimizeRequest& request) {
  SPEEDSTER_ASSIGN(const std::vector<std::string> program, json_strings(provenance, "metric_command", kWho));
  std::string theirs;
  SPEEDSTER_TRY(told.text("metric", theirs));
  const bool names_none = request.metric.empty() && request.metric_command.empty();
  if (names_none && !program.empty())
    return Error(
        ErrorKind::kUsage,
        "[recipe] expected --metric-command, because the report was judged by a program and none is run that a "
        "file names, got none; try --metric-command " +
            shell_quoted({shell_quoted(program)}));
  if (names_none) request.metric = theirs;
  if (!request.metric_drop) {
    const bool same = program.empty() ? request.metric == theirs : !request.metric_command.empty();
    if (!same && told.has("metric_drop")) return other_metric(program.empty() ? theirs : "a program");
    SPEEDSTER_TRY(told.number("metric_drop", request.metric_drop));
    SPEEDSTER_TRY(told.number("metric_confidence", request.metric_confidence));
  }
  return told.text("output", request.output_name);
}

Result<void> take(const Json& provenance, Replay& replay) {
  const Told told(provenance);
  OptimizeRequest& request = replay.request;
  SPEEDSTER_ASSIGN(replay.chains,
                   compiler::candidates_from_json({{"original", provenance["original_chain"]},
                                                   {"candidates", Json::array({provenance["winning_chain"]})}}));
  SPEEDSTER_TRY(take_samples(told, request));
  SPEEDSTER_TRY(take_accuracy(told, provenance, request));
  if (std::optional<double> interval; request.interval_seconds == 0) {
    SPEEDSTER_TRY(told.number("interval_seconds", interval));
    request.interval_seconds = interval.value_or(0);
  }
  SPEEDSTER_TRY(told.number("max_p99_seconds", request.max_p99_seconds));
  SPEEDSTER_TRY(told.number("max_load_seconds", request.max_load_seconds));
  SPEEDSTER_TRY(told.bytes("max_memory_bytes", request.max_memory_bytes));
  SPEEDSTER_TRY(told.bytes("max_size_bytes", request.max_size_bytes));
  // Not the number that a default came to be on the machine of then.
  SPEEDSTER_TRY(told.integer<int>("threads_given", 0, 0, 4096, request.threads));
  SPEEDSTER_TRY(told.integer<int>("concurrency", 1, 1, 1024, request.concurrency));
  return told.integer<std::uint64_t>("seed", 0, 0, std::numeric_limits<std::uint64_t>::max(), request.seed);
}

}  // namespace

Result<Replay> replayed(OptimizeRequest request) {
  const std::string path = request.recipe;
  SPEEDSTER_ASSIGN(const std::string text, read_file(path, std::uint64_t{16} << 20U));
  const auto refuse = [&](const std::string& got) {
    return Error(ErrorKind::kBadInput, "[recipe] expected the report of a search that found a winner, got " + got +
                                           " at " + path +
                                           "; try what --report of speedster optimize wrote, or PACKAGE/report.json");
  };
  const auto report = parse_json(text, kWho);
  if (!report.ok()) return refuse("no JSON");
  const auto provenance = json_object(*report, "provenance", kWho);
  if (!provenance.ok() || !(*provenance)->contains("original_chain")) return refuse("another file");
  if (!(*provenance)->contains("winning_chain")) return refuse("one that kept the original");
  Replay replay{std::move(request), {}};
  if (auto taken = take(**provenance, replay); !taken.ok()) {
    if (taken.error().kind() == ErrorKind::kUsage) return std::move(taken).error();
    return refuse("a damaged one (" + taken.error().message() + ")");
  }
  return replay;
}

}  // namespace speedster
