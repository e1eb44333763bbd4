#include "search/rows.h"

#include <fmt/format.h>
#include <speedster/version.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "search/command_line.h"
#include "search/limits.h"
#include "search/rewriting.h"
#include "toolchain/toolchain.h"

namespace speedster::search {
namespace {

constexpr const char* kWho = "journal";

Json interval_to_json(const measure::Interval& interval) {
  return {json_from_number(interval.value), json_from_number(interval.low), json_from_number(interval.high)};
}

measure::Interval interval_from_json(const Json& json) {
  if (!json.is_array() || json.size() != 3) return {};
  auto number = [](const Json& value) { return value.is_number() ? value.get<double>() : 0.0; };
  return {number(json[0]), number(json[1]), number(json[2])};
}

std::optional<double> optional_number(const Json& json, const char* key) {
  if (!json.contains(key) || !json[key].is_number()) return std::nullopt;
  return json[key].get<double>();
}

/// Time and drop of a row; nothing where one is unknown, or where it failed after it was timed.
std::optional<std::pair<double, double>> place_of(const CandidateRow& row) {
  const auto time = row.latency_median ? std::optional<double>(row.latency_median->value) : row.race_latency;
  if (!time || !row.drop || row.fate == CandidateFate::kFailed) return std::nullopt;
  return std::pair(*time, std::max(row.drop->value, 0.0));
}

/// The race ran at another time than the confirmation, on a machine that was perhaps busier: only its ratios to the
/// original can stand beside the confirmed times.
void rescale_race(Report& report) {
  CandidateRow& original = report.original;
  if (!original.latency_median || !original.race_latency || !(*original.race_latency > 0)) return;
  const double scale = original.latency_median->value / *original.race_latency;
  original.race_latency = original.latency_median->value;
  for (CandidateRow& row : report.candidates)
    if (row.race_latency) row.race_latency = scale * *row.race_latency;
}

/// What a metric program is called: its file's name, or that of the script which an interpreter runs.
std::string program_name(const std::vector<std::string>& command) {
  const auto name = [](const std::string& word) { return std::filesystem::path(word).filename().string(); };
  for (const std::string& word : command)
    if (!word.empty() && word.find('.') != std::string::npos && word.find('{') == std::string::npos &&
        word.front() != '-') {
      const std::string extension = std::filesystem::path(word).extension().string();
      if (extension == ".py" || extension == ".sh" || extension == ".rb" || extension == ".pl" || extension == ".js")
        return name(word);
    }
  return name(command.front());
}

/// The budget that lets a candidate through every stage: its drop on either part, or the bound where that decides.
double needed_budget(const Session& session, const Candidate& candidate) {
  double needed = 0;
  for (const auto* drop : {&candidate.searched, &candidate.judged})
    if (*drop) needed = std::max(needed, session.budget.confidence ? (*drop)->high.value_or(HUGE_VAL) : (*drop)->value);
  return needed;
}

template <typename Number>
Json optional_to_json(const std::optional<Number>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json provenance(const Session& session, const std::vector<Candidate>& candidates, const Candidate& original,
                const std::vector<std::size_t>& ranked) {
  const OptimizeRequest& request = *session.request;
  Json json = {{"model_digest", session.model_digest},
               {"samples_digest", session.store.digest()},
               {"fingerprint", session.fingerprint},
               {"speedster", SPEEDSTER_VERSION_STRING},
               {"seed", request.seed},
               {"threads", session.threads},
               {"threads_given", request.threads},
               {"concurrency", request.concurrency},
               {"objective", request.objective},
               {"interval_seconds", request.interval_seconds},
               {"session", request.session},
               {"metric", request.metric.empty() ? "cosine" : request.metric},
               {"metric_command", request.metric_command},
               {"metric_drop", optional_to_json(request.metric_drop)},
               {"metric_confidence", optional_to_json(request.metric_confidence)},
               {"output", request.output_name},
               {"data", request.data},
               {"labels", request.labels},
               {"max_p99_seconds", optional_to_json(request.max_p99_seconds)},
               {"max_load_seconds", optional_to_json(request.max_load_seconds)},
               {"max_memory_bytes", optional_to_json(request.max_memory_bytes)},
               {"max_size_bytes", optional_to_json(request.max_size_bytes)},
               {"shapes", request.shapes},
               {"shape_mix", Json::array()},
               {"ranges", request.ranges},
               {"axes", Json::object()},
               {"backends", request.backends},
               {"precisions", request.precisions},
               {"exclude", request.exclude},
               {"vendor_versions", session.vendor_versions},
               {"toolchains", Json::object()},
               {"exclude_nodes", request.exclude_nodes},
               {"disable_passes", request.disable_passes},
               {"priors", request.priors},
               {"command_line", request.command_line}};
  for (const auto& [name, range] : request.axes) json["axes"][name] = {range.min, range.opt, range.max};
  for (const auto& one : request.shape_mix) json["shape_mix"].push_back({{"shapes", one.shapes}, {"share", one.share}});
  for (const toolchain::Row& row : toolchain::list())
    if (row.installed) json["toolchains"][row.name] = row.environment.lock_digest;
  json["original_chain"] = compiler::to_json(original.recipe);
  json["chains"] = Json::object();
  for (const Candidate& candidate : candidates)
    json["chains"][candidate.recipe.name] = compiler::to_json(candidate.recipe);
  if (!ranked.empty()) json["winning_chain"] = compiler::to_json(candidates[ranked.front()].recipe);
  return json;
}

void note_hopeless(const Session& session, Json& json) { json["hopeless_at"] = session.budget.drop.value_or(0); }

/// What stopped early because a budget was out of reach says nothing about a larger one.
bool was_hopeless(const Session& session, const Json& json) {
  const auto hopeless = optional_number(json, "hopeless_at");
  return hopeless && (!session.budget.drop || *session.budget.drop > *hopeless);
}

}  // namespace

void mark_front(Report& report) {
  const auto beats = [](const std::pair<double, double>& one, const CandidateRow& row) {
    const auto other = place_of(row);
    return other && other->first <= one.first && other->second <= one.second && *other != one;
  };
  for (CandidateRow& row : report.candidates) {
    const auto place = place_of(row);
    row.on_front = place && !beats(*place, report.original) &&
                   std::ranges::none_of(report.candidates, [&](const auto& other) { return beats(*place, other); });
  }
}

std::string short_number(double value) { return fmt::format("{:.3g}", value); }

double rounded_up(double value) {
  if (!(value > 0)) return 0;
  const double scale = std::pow(10.0, std::floor(std::log10(value)) - 1);
  return std::ceil(value / scale) * scale;
}

void set_drop(CandidateRow& row, const accuracy::Drop& drop, bool independent) {
  row.drop = Figure{drop.value, drop.low, drop.high};
  row.drop_independent = independent;
  row.relative_l2 = drop.relative_l2;
  row.psnr = drop.psnr;
}

Json check_to_json(const Session& session, const Candidate& candidate) {
  Json json = {{"drop", accuracy::to_json(*candidate.searched)},
               {"ran_precision", candidate.row.ran_precision},
               {"reduced", candidate.reduced},
               {"backend_version", candidate.row.backend_version},
               {"vendor_library", candidate.row.vendor_library},
               {"threads", candidate.row.threads},
               {"peak_memory", candidate.row.peak_memory_bytes},
               {"rough_seconds", candidate.rough_seconds}};
  if (candidate.row.load_seconds) json["load_seconds"] = *candidate.row.load_seconds;
  if (candidate.searched->samples < session.split.search.size()) note_hopeless(session, json);
  return json;
}

Json judged_to_json(const Session& session, const accuracy::Drop& drop) {
  Json json = accuracy::to_json(drop);
  if (drop.samples < session.split.judging.size()) note_hopeless(session, json);
  return json;
}

std::optional<accuracy::Drop> judged_from_json(const Session& session, const Json& json, bool whole) {
  return was_hopeless(session, json) || (whole && json.contains("hopeless_at")) ? std::nullopt : drop_from_json(json);
}

bool restore_check(const Session& session, const Json& json, Candidate& candidate) {
  if (was_hopeless(session, json)) return false;
  auto drop = drop_from_json(json.value("drop", Json()));
  auto precision = json_string(json, "ran_precision", kWho);
  auto reduced = json_bool(json, "reduced", kWho);
  if (!drop || !precision.ok() || !reduced.ok()) return false;
  candidate.searched = std::move(drop);
  candidate.row.ran_precision = *precision;
  candidate.reduced = *reduced;
  candidate.row.backend_version = json.value("backend_version", std::string());
  candidate.row.vendor_library = json.value("vendor_library", std::string());
  candidate.row.threads = json.value("threads", 0);
  candidate.row.peak_memory_bytes = json.value("peak_memory", std::uint64_t{0});
  candidate.row.load_seconds = optional_number(json, "load_seconds");
  candidate.rough_seconds = optional_number(json, "rough_seconds").value_or(0);
  return true;
}

std::optional<accuracy::Drop> drop_from_json(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  accuracy::Drop drop;
  drop.value = optional_number(json, "value").value_or(HUGE_VAL);
  drop.output = json.value("output", std::string());
  drop.low = optional_number(json, "low");
  drop.high = optional_number(json, "high");
  drop.confidence = optional_number(json, "confidence").value_or(0.95);
  drop.samples = json.value("samples", std::size_t{0});
  drop.blank = json.value("blank", std::size_t{0});
  drop.new_non_finite = json.value("new_non_finite", false);
  drop.relative_l2 = optional_number(json, "relative_l2").value_or(HUGE_VAL);
  drop.largest_l2 = optional_number(json, "largest_l2").value_or(HUGE_VAL);
  drop.psnr = optional_number(json, "psnr").value_or(0);
  return drop;
}

Json corners_to_json(const std::vector<CornerRow>& rows) {
  Json list = Json::array();
  for (const CornerRow& row : rows) {
    Json item = {{"name", row.name}, {"slower", row.slower}, {"error", row.error}};
    if (row.original_seconds) item["original_seconds"] = *row.original_seconds;
    if (row.winner_seconds) item["winner_seconds"] = *row.winner_seconds;
    list.push_back(std::move(item));
  }
  return list;
}

std::vector<CornerRow> corners_from_json(const Json& json) {
  std::vector<CornerRow> rows;
  if (!json.is_array()) return rows;
  for (const Json& item : json) {
    CornerRow row;
    row.name = item.value("name", std::string());
    row.slower = item.value("slower", false);
    row.error = item.value("error", std::string());
    row.original_seconds = optional_number(item, "original_seconds");
    row.winner_seconds = optional_number(item, "winner_seconds");
    rows.push_back(std::move(row));
  }
  return rows;
}

Json confirmation_to_json(const measure::Confirmation& confirmation) {
  Json rows = Json::array();
  for (const measure::ConfirmRow& row : confirmation.rows) {
    Json item = {{"name", row.name},
                 {"loads", row.loads},
                 {"load_seconds", row.load_seconds},
                 {"speedup", interval_to_json(row.speedup)},
                 {"latency", interval_to_json(row.latency)},
                 {"verdict", row.verdict},
                 {"calls", row.calls}};
    if (row.error) item["error"] = row.error->full_message();
    rows.push_back(std::move(item));
  }
  return {{"rows", rows},
          {"undecided", confirmation.undecided},
          {"rounds", confirmation.rounds},
          {"dropped_rounds", confirmation.dropped_rounds},
          {"busy", confirmation.busy},
          {"cut", confirmation.cut}};
}

std::optional<measure::Confirmation> confirmation_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("rows") || !json["rows"].is_array()) return std::nullopt;
  measure::Confirmation confirmation;
  auto numbers = [](const Json& list) {
    std::vector<double> values;
    if (list.is_array())
      for (const Json& value : list)
        if (value.is_number()) values.push_back(value.get<double>());
    return values;
  };
  for (const Json& item : json["rows"]) {
    measure::ConfirmRow row;
    row.name = item.value("name", std::string());
    row.loads = numbers(item.value("loads", Json::array()));
    row.load_seconds = numbers(item.value("load_seconds", Json::array()));
    row.calls = numbers(item.value("calls", Json::array()));
    row.speedup = interval_from_json(item.value("speedup", Json()));
    row.latency = interval_from_json(item.value("latency", Json()));
    row.verdict = item.value("verdict", std::string());
    if (item.contains("error")) row.error = Error(ErrorKind::kVendor, item.value("error", std::string()));
    confirmation.rows.push_back(std::move(row));
  }
  confirmation.undecided = json.value("undecided", false);
  confirmation.rounds = json.value("rounds", 0);
  confirmation.dropped_rounds = json.value("dropped_rounds", 0);
  confirmation.busy = json.value("busy", false);
  confirmation.cut = json.value("cut", false);
  return confirmation;
}

std::vector<std::size_t> with_fallbacks(const Session& session, const std::vector<Candidate>& candidates,
                                        const std::vector<std::size_t>& ranked) {
  const auto needs = [&](const Candidate& candidate) {
    const auto isa = needed_isa(candidate.recipe, session.machine, candidate.row.ran_precision);
    return std::set<std::string>(isa.begin(), isa.end());
  };
  std::vector<std::size_t> kept;
  for (const std::size_t index : ranked) {
    const Candidate& candidate = candidates[index];
    const std::set<std::string> wanted = needs(candidate);
    const bool covered = std::ranges::any_of(kept, [&](std::size_t before) {
      return candidates[before].recipe.backend == candidate.recipe.backend &&
             std::ranges::includes(wanted, needs(candidates[before]));
    });
    if (!covered) kept.push_back(index);
  }
  return kept;
}

/// What lets an excluded candidate through: a budget that holds its drop, limits that hold it. Nothing where that is
/// not known.
std::optional<Settings> settings_for(const Session& session, const Candidate& candidate) {
  Settings settings;
  const double needed = needed_budget(session, candidate);
  if (!std::isfinite(needed)) return std::nullopt;
  if (candidate.row.fate != CandidateFate::kOverLimit || needed > session.budget.drop.value_or(0))
    settings.push_back(budget_setting(needed));
  for (const Excess& excess : excesses(*session.request, candidate.row, true)) {
    if (excess.allows.empty()) return std::nullopt;
    settings.emplace_back(excess.option, excess.allows);
  }
  return settings;
}

/// The fastest of what the budget or a limit excludes, where it is faster than the answer, and the command that
/// accepts it.
void note_fastest_excluded(const Session& session, const std::vector<Candidate>& candidates, const Contest& contest,
                           const std::vector<std::size_t>& ranked, Report& report) {
  if (session.store.random()) return;
  double best = ranked.empty() ? 1 : candidates[ranked.front()].row.speedup->value;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    // Whoever was above a limit when it had been confirmed was priced by that.
    const bool excluded = contest.priced == i || candidate.row.fate == CandidateFate::kOverLimit;
    if (!excluded || !candidate.row.drop || !candidate.row.speedup || candidate.row.speedup->value <= best) continue;
    const auto settings = settings_for(session, candidate);
    if (!settings) continue;
    best = candidate.row.speedup->value;
    report.accept_candidate = i;
    report.accept_command = accept_command(*session.request, *settings);
  }
}

Report make_report(Session& session, std::vector<Candidate>& candidates, const Candidate& baseline,
                   const Contest& contest, const std::vector<std::size_t>& ranked) {
  const OptimizeRequest& request = *session.request;
  Report report;
  report.model = request.model;
  report.model_digest = session.model_digest;
  report.metric = !request.metric_command.empty() ? program_name(request.metric_command)
                                                  : (request.metric.empty() ? "cosine" : request.metric);
  report.budget = request.metric_drop;
  report.samples = session.store.size();
  report.calibration_samples = session.split.calibration.size();
  report.search_samples = session.split.search.size();
  report.judging_samples = session.split.judging.size();
  report.samples_random = session.store.random();
  report.notes = session.store.notes();
  report.original = baseline.row;
  report.original.drop = Figure{0, 0.0, 0.0};
  for (const Candidate& candidate : candidates) report.candidates.push_back(candidate.row);
  if (!ranked.empty()) report.winner = ranked.front();
  // Nothing faster is one thing, no time to find out another.
  const bool cut = request.time_budget_seconds && std::ranges::any_of(candidates, [](const Candidate& candidate) {
                     return candidate.row.fate == CandidateFate::kNotTried;
                   });
  report.outcome = session.cancel.cancelled() ? "cancelled"
                   : !ranked.empty()          ? "optimized"
                   : cut                      ? "time"
                                              : "original kept";
  if (contest.confirmation) {
    report.undecided = contest.confirmation->undecided && !ranked.empty();
    report.machine_busy = contest.race.busy || contest.confirmation->busy;
  }
  report.noise_floor = contest.race.noise_floor;
  report.rounds = contest.race.rounds + (contest.confirmation ? contest.confirmation->rounds : 0);
  report.dropped_rounds =
      contest.race.dropped_rounds + (contest.confirmation ? contest.confirmation->dropped_rounds : 0);
  report.stages = session.stages;
  report.rewriting = rewriting_of(candidates, ranked);
  note_fastest_excluded(session, candidates, contest, ranked, report);
  rescale_race(report);
  mark_front(report);
  report.parent_peak_bytes = hardware::peak_memory();
  report.seed = request.seed;
  report.machine_json = to_text(hardware::to_json(session.machine));
  report.provenance_json = to_text(provenance(session, candidates, baseline, ranked));
  return report;
}

std::vector<std::size_t> ranking(const std::vector<Candidate>& candidates, const Contest& contest) {
  std::vector<std::size_t> winner, others;
  for (const std::size_t index : contest.finalists) {
    const Candidate& candidate = candidates[index];
    if (candidate.out || !candidate.row.speedup) continue;
    if (candidate.row.fate == CandidateFate::kWinner)
      winner.push_back(index);
    else if (candidate.row.speedup->low.value_or(0) > 1)
      others.push_back(index);
  }
  if (winner.empty()) return {};  // the original is the answer
  std::stable_sort(others.begin(), others.end(), [&](std::size_t a, std::size_t b) {
    return candidates[a].row.speedup->value > candidates[b].row.speedup->value;
  });
  winner.insert(winner.end(), others.begin(), others.end());
  return winner;
}

}  // namespace speedster::search
