#include "search/contest.h"

#include <algorithm>

#include "measure/race.h"
#include "search/entrants.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

constexpr double kShortSeconds = 30;

Json race_to_json(const measure::RaceResult& result) {
  Json rows = Json::object();
  for (const measure::RaceRow& row : result.rows)
    rows[row.name] = {{"fate", static_cast<int>(row.fate)}, {"reason", row.reason}, {"estimate", row.estimate},
                      {"load_seconds", row.load_seconds},   {"heat", row.heat},     {"logs", row.logs}};
  return {{"rows", rows},
          {"rounds", result.rounds},
          {"dropped_rounds", result.dropped_rounds},
          {"noise_floor", result.noise_floor},
          {"block_sd", result.block_sd},
          {"load_sd", result.load_sd},
          {"original_seconds", result.original_seconds},
          {"original_load_seconds", result.original_load_seconds},
          {"busy", result.busy}};
}

measure::RaceResult race_from_json(const Json& json) {
  measure::RaceResult result;
  for (const auto& [name, row] : json.at("rows").items()) {
    measure::RaceRow made;
    made.name = name;
    made.fate = static_cast<measure::RaceFate>(row.value("fate", 0));
    made.reason = row.value("reason", std::string());
    made.estimate = row.value("estimate", 0.0);
    made.load_seconds = row.value("load_seconds", 0.0);
    made.heat = row.value("heat", 0);
    made.logs = row.value("logs", std::vector<double>());
    if (made.fate == measure::RaceFate::kFailed) made.error = Error(ErrorKind::kVendor, made.reason);
    result.rows.push_back(std::move(made));
  }
  result.rounds = json.value("rounds", 0);
  result.dropped_rounds = json.value("dropped_rounds", 0);
  result.noise_floor = json.value("noise_floor", 0.0);
  result.block_sd = json.value("block_sd", 0.0);
  result.load_sd = json.value("load_sd", 0.0);
  result.original_seconds = json.value("original_seconds", 0.0);
  result.original_load_seconds = json.value("original_load_seconds", 0.0);
  result.busy = json.value("busy", false);
  return result;
}

measure::RaceResult not_reached(const std::vector<std::string>& digests) {
  measure::RaceResult none;
  for (const std::string& digest : digests)
    none.rows.push_back({digest, measure::RaceFate::kNotReached, "time", {}, 0, 0});
  return none;
}

/// For the progress display, where it is faster than the original.
void show_best(Session& session, const std::string& name, double original_seconds, double seconds) {
  if (seconds <= 0 || seconds >= original_seconds) return;
  session.progress.best = name;
  session.progress.best_speedup = original_seconds / seconds;
}

/// The leader of the race so far, for the progress display.
void note_best(Session& session, const measure::RaceResult& race) {
  const measure::RaceRow* best = nullptr;
  for (const measure::RaceRow& row : race.rows)
    if (row.estimate > 0 && row.fate != measure::RaceFate::kFailed &&
        (best == nullptr || row.estimate < best->estimate))
      best = &row;
  if (best == nullptr) return;
  const auto name = session.names.find(best->name);
  show_best(session, name == session.names.end() ? "" : name->second, race.original_seconds, best->estimate);
}

/// The stored race of these entrants, or a new one.
Result<measure::RaceResult> race_or_recall(Session& session, const std::string& kind, const Candidate& original,
                                           std::vector<measure::Entrant> entrants, const measure::Policy& policy,
                                           const Deadline& deadline) {
  std::vector<std::string> digests;
  for (const measure::Entrant& entrant : entrants) digests.push_back(entrant.name);
  const std::string subject = subject_of(kind, original, digests);
  if (const auto known = session.journal->find("race", subject)) return race_from_json(*known);
  if (session.stopping()) return not_reached(digests);
  auto told = now_seconds();
  auto raced = measure::race(entrant_of(session, original, "race"), std::move(entrants), policy,
                             machine_foreign_share(session.machine.cores), deadline, session.cancel,
                             [&](const measure::RaceResult& now) {
                               if (kind == "contenders") note_best(session, now);
                               if (now_seconds() - told < 0.5) return;
                               told = now_seconds();
                               session.tell();
                             });
  if (!raced.ok() && deadline.limited() && raced.error().kind() == ErrorKind::kTimeout)
    return not_reached(digests);  // no room for two loads of the original
  if (!raced.ok()) return raced;
  // What the end of the time cut short, or who failed this once, is not the last word.
  const bool whole = !raced->cut && std::ranges::none_of(raced->rows, [](const measure::RaceRow& row) {
    return row.fate == measure::RaceFate::kFailed || row.fate == measure::RaceFate::kNotReached;
  });
  if (whole) SPEEDSTER_TRY(session.journal->record("race", subject, race_to_json(*raced)));
  return raced;
}

void apply(const measure::RaceRow& row, Candidate& candidate, bool excluded, bool cancelled) {
  if (row.estimate > 0) candidate.row.race_latency = row.estimate;
  if (row.load_seconds > 0) candidate.row.load_seconds = row.load_seconds;
  switch (row.fate) {
    case measure::RaceFate::kFailed:
      retire(candidate, CandidateFate::kFailed, row.error ? row.error->full_message() : row.reason);
      break;
    case measure::RaceFate::kSlower:
    case measure::RaceFate::kFarSlower:
      if (!excluded) retire(candidate, CandidateFate::kSlower, row.reason);
      break;
    case measure::RaceFate::kNotReached:
      if (!excluded)
        retire(candidate, CandidateFate::kNotTried,
               cancelled ? "cancelled" : "time: the budget ended before it was timed");
      break;
    case measure::RaceFate::kFinalist: break;
  }
}

const measure::RaceRow* row_of(const measure::RaceResult& result, const std::string& digest) {
  for (const measure::RaceRow& row : result.rows)
    if (row.name == digest) return &row;
  return nullptr;
}

/// What a deadline of the race must leave: two loads of each finalist that it may have, and of the original.
double confirm_reserve(const measure::Policy& policy, const Candidate& original,
                       const std::vector<Candidate>& candidates, const std::vector<std::size_t>& contenders) {
  const auto cost_of = [&](const Candidate& candidate) {
    const double rough = candidate.rough_seconds > 0 ? candidate.rough_seconds : original.rough_seconds;
    const double call = candidate.row.race_latency.value_or(rough);
    return measure::Cost{call, candidate.row.load_seconds.value_or(original.row.load_seconds.value_or(0))};
  };
  std::vector<measure::Cost> finalists;
  for (const std::size_t index : contenders) finalists.push_back(cost_of(candidates[index]));
  std::ranges::sort(finalists, {}, &measure::Cost::call_seconds);
  if (finalists.size() > static_cast<std::size_t>(policy.finalists))
    finalists.resize(static_cast<std::size_t>(policy.finalists));
  return measure::expected_confirm_seconds(policy, cost_of(original), finalists, 2);
}

/// When a race must end, so that a least confirmation fits before `confirm_end`.
Deadline race_deadline(const Session& session, const measure::Policy& policy, const Candidate& original,
                       const std::vector<Candidate>& candidates, const std::vector<std::size_t>& contenders,
                       const Deadline& confirm_end) {
  const Deadline latest = confirm_end.minus(confirm_reserve(policy, original, candidates, contenders));
  return latest.left() < session.deadline.left() ? latest : session.deadline;
}

/// The finalists in the order of the race, no more than are confirmed and none that the first has beaten in it.
void keep_fastest(Contest& contest, std::vector<Candidate>& candidates, const measure::Policy& policy) {
  const auto latency = [&](std::size_t index) { return candidates[index].row.race_latency.value_or(HUGE_VAL); };
  std::ranges::stable_sort(contest.finalists, {}, latency);
  std::vector<std::size_t> kept;
  const auto beaten = [&](std::size_t index) {
    const auto* row = row_of(contest.race, candidates[index].digest);
    const auto* leader = row_of(contest.race, candidates[contest.finalists.front()].digest);
    return row != nullptr && leader != nullptr && measure::loses_to(*row, *leader, contest.race, policy);
  };
  for (const std::size_t index : contest.finalists) {
    const double behind = latency(index) / latency(contest.finalists.front());
    if (kept.size() == static_cast<std::size_t>(policy.finalists))
      retire(candidates[index], CandidateFate::kSlower,
             "not among the fastest " + std::to_string(policy.finalists) + " of the race");
    else if (behind > policy.drop_factor || beaten(index))
      retire(candidates[index], CandidateFate::kSlower, short_number(behind) + " times the leader in the race");
    else
      kept.push_back(index);
  }
  contest.finalists = std::move(kept);
}

/// What the budget excludes is timed for its price, apart, so that it does not lead the race.
Result<void> price_excluded(Session& session, std::vector<Candidate>& candidates, const Candidate& original,
                            const std::vector<std::size_t>& excluded, const Deadline& deadline, Contest& contest) {
  std::vector<measure::Entrant> entrants;
  for (const std::size_t index : excluded)
    if (!candidates[index].out) entrants.push_back(entrant_of(session, candidates[index], "race"));
  if (entrants.empty() || session.stopping()) return {};
  measure::Policy one_look = policy_of(session, candidates);
  one_look.looks = {1};
  auto prices = race_or_recall(session, "excluded", original, std::move(entrants), one_look, deadline);
  if (!prices.ok()) return session.stopping() ? Result<void>() : std::move(prices).error();
  if (std::ranges::any_of(prices->rows, [](const measure::RaceRow& row) { return row.estimate > 0; }))
    contest.priced.reset();
  // Where nobody could win, nobody raced.
  double best = contest.race.original_seconds > 0 ? contest.race.original_seconds : prices->original_seconds;
  for (const std::size_t index : contest.finalists)
    best = std::min(best, candidates[index].row.race_latency.value_or(best));
  for (const std::size_t index : excluded) {
    const auto* row = row_of(*prices, candidates[index].digest);
    if (row == nullptr) continue;
    apply(*row, candidates[index], true, session.cancel.cancelled());
    if (row->estimate <= 0 || candidates[index].out || row->estimate >= best || session.store.random()) continue;
    best = row->estimate;
    contest.priced = index;
  }
  return {};
}

/// No time for a race: those that look fastest so far are confirmed as they are.
void straight_to_finals(Contest& contest, std::vector<Candidate>& candidates, const Candidate& original,
                        const std::vector<std::size_t>& contenders, const measure::Policy& policy) {
  const auto expected = [&](std::size_t index) {
    const Candidate& candidate = candidates[index];
    const double rough = candidate.rough_seconds > 0 ? candidate.rough_seconds : HUGE_VAL;
    return candidate.row.race_latency.value_or(rough);
  };
  contest.finalists = contenders;
  std::ranges::stable_sort(contest.finalists, {}, expected);
  const auto most = static_cast<std::size_t>(policy.finalists);
  for (std::size_t i = most; i < contest.finalists.size(); ++i)
    retire(candidates[contest.finalists[i]], CandidateFate::kNotTried, "time: the budget ended before it was timed");
  if (contest.finalists.size() > most) contest.finalists.resize(most);
  if (!original.row.race_latency)
    contest.note =
        "the time budget left no room for a race: ONNX Runtime's own defaults were not timed, speed-ups are against "
        "all its optimizations";
}

/// What a race tells of the original's two settings.
void note_originals(const measure::RaceResult& race, Candidate& original, Candidate& defaults, Contest& contest) {
  if (race.original_seconds > 0) {
    original.row.race_latency = race.original_seconds;
    original.row.load_seconds = race.original_load_seconds;
  }
  const auto* row = row_of(race, defaults.digest);
  if (row == nullptr || row->estimate <= 0) return;
  defaults.row.race_latency = row->estimate;
  contest.baseline_is_defaults = race.original_seconds > 0 && row->estimate < race.original_seconds;
}

/// Which of the original's settings are the faster ones, by one round where there is no time for a race.
Result<void> time_originals(Session& session, Candidate& original, Candidate& defaults, measure::Policy policy,
                            Contest& contest) {
  if (defaults.package.empty() || original.row.race_latency || session.stopping()) return {};
  policy.looks = {1};
  std::vector<measure::Entrant> entrants;
  entrants.push_back(entrant_of(session, defaults, "race"));
  auto raced = race_or_recall(session, "originals", original, std::move(entrants), policy, session.deadline);
  if (!raced.ok()) return session.stopping() ? Result<void>() : std::move(raced).error();
  const auto* row = row_of(*raced, defaults.digest);
  if (row != nullptr && row->estimate > 0) note_originals(*raced, original, defaults, contest);
  return {};
}

}  // namespace

Result<Contest> race_stage(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, const std::vector<std::size_t>& contenders,
                           const std::vector<std::size_t>& excluded, const Deadline& confirm_end) {
  Contest contest;
  const measure::Policy policy = policy_of(session, candidates);
  // An earlier race may have told which original is the faster one.
  contest.baseline_is_defaults =
      original.row.race_latency && defaults.row.race_latency && *defaults.row.race_latency < *original.row.race_latency;
  // With so little time a race of as many as are confirmed anyway would only take the confirmation's part of it.
  if (session.total.limited() && session.total.left() < kShortSeconds &&
      contenders.size() <= static_cast<std::size_t>(policy.finalists) && !contenders.empty()) {
    SPEEDSTER_TRY(time_originals(session, original, defaults, policy, contest));
    straight_to_finals(contest, candidates, original, contenders, policy);
    return contest;
  }
  for (const Candidate& candidate : candidates) session.names[candidate.digest] = candidate.recipe.name;
  const Deadline deadline = race_deadline(session, policy, original, candidates, contenders, confirm_end);
  std::vector<measure::Entrant> entrants;
  for (const std::size_t index : contenders) entrants.push_back(entrant_of(session, candidates[index], "race"));
  const bool with_defaults = !defaults.package.empty();
  if (with_defaults) entrants.push_back(entrant_of(session, defaults, "race"));
  measure::Policy with_place = policy;
  if (with_defaults) ++with_place.finalists;  // the original's other settings take no candidate's place
  SPEEDSTER_ASSIGN(contest.race,
                   race_or_recall(session, "contenders", original, std::move(entrants), with_place, deadline));
  const bool nobody = std::ranges::all_of(
      contest.race.rows, [](const measure::RaceRow& row) { return row.fate == measure::RaceFate::kNotReached; });
  if (nobody && !contenders.empty() && !session.cancel.cancelled() && !confirm_end.passed()) {
    straight_to_finals(contest, candidates, original, contenders, policy);
    return contest;
  }
  contest.raced = true;
  note_originals(contest.race, original, defaults, contest);
  for (const std::size_t index : contenders)
    if (const auto* row = row_of(contest.race, candidates[index].digest)) {
      apply(*row, candidates[index], false, session.cancel.cancelled());
      if (!candidates[index].out) contest.finalists.push_back(index);
    }
  keep_fastest(contest, candidates, policy);
  SPEEDSTER_TRY(price_excluded(session, candidates, original, excluded, deadline, contest));
  return contest;
}

Result<Contest> race_again(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, const std::vector<std::size_t>& contenders,
                           const std::vector<std::size_t>& excluded, const Deadline& confirm_end, Contest earlier) {
  const measure::Policy policy = policy_of(session, candidates);
  const bool all_timed = std::ranges::all_of(
      contenders, [&](std::size_t index) { return candidates[index].row.race_latency.has_value(); });
  if (!all_timed || contenders.size() > static_cast<std::size_t>(policy.finalists))
    return race_stage(session, candidates, original, defaults, contenders, excluded, confirm_end);
  earlier.finalists = contenders;
  earlier.confirmation.reset();
  keep_fastest(earlier, candidates, policy);
  session.progress.best.clear();
  session.progress.best_speedup = 0;
  if (!earlier.finalists.empty()) {
    const Candidate& leader = candidates[earlier.finalists.front()];
    show_best(session, leader.recipe.name, earlier.race.original_seconds, *leader.row.race_latency);
  }
  SPEEDSTER_TRY(price_excluded(session, candidates, original, excluded,
                               race_deadline(session, policy, original, candidates, contenders, confirm_end), earlier));
  return earlier;
}

}  // namespace speedster::search
