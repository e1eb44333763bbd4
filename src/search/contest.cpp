#include "search/contest.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "measure/choice.h"
#include "measure/statistics.h"
#include "samples/batch.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

// A tail of 300 calls is measured only where it takes at most this long for one candidate.
constexpr double kTailSeconds = 8;
constexpr int kTailCalls = 300;
constexpr double kShortSeconds = 30;

measure::Policy policy_of(const Session& session) {
  measure::Policy policy;
  policy.block.concurrency = session.request->concurrency;
  policy.seed = session.request->seed;
  return policy;
}

TimingContext timing_of(const Session& session) {
  TimingContext context;
  context.supervisor = session.supervisor.get();
  context.cancel = session.cancel;
  context.deadline = session.deadline;
  // Several real samples, but not so many that copying them in costs more than timing them.
  const auto& pool = session.split.search;
  for (std::size_t i = 0; i < std::min<std::size_t>(pool.size(), 16); ++i)
    context.samples.push_back(pool[i * pool.size() / 16 % pool.size()]);
  return context;
}

measure::Entrant entrant_of(const Session& session, const Candidate& candidate, const std::string& purpose) {
  measure::Entrant entrant;
  entrant.name = candidate.digest;
  entrant.load = load_served(timing_of(session), session.serve_spec(candidate, purpose), candidate.notes);
  if (candidate.searched) entrant.drop = std::max(0.0, candidate.searched->value);
  if (candidate.judged) entrant.drop = std::max(0.0, candidate.judged->value);
  entrant.memory = static_cast<double>(candidate.row.peak_memory_bytes);
  entrant.size = static_cast<double>(candidate.row.model_bytes);
  if (candidate.row.race_latency) entrant.call_seconds = *candidate.row.race_latency;
  if (candidate.row.load_seconds) entrant.load_seconds = *candidate.row.load_seconds;
  return entrant;
}

Json race_to_json(const measure::RaceResult& result) {
  Json rows = Json::object();
  for (const measure::RaceRow& row : result.rows)
    rows[row.name] = {{"fate", static_cast<int>(row.fate)},
                      {"reason", row.reason},
                      {"estimate", row.estimate},
                      {"load_seconds", row.load_seconds}};
  return {{"rows", rows},
          {"rounds", result.rounds},
          {"dropped_rounds", result.dropped_rounds},
          {"noise_floor", result.noise_floor},
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
    if (made.fate == measure::RaceFate::kFailed) made.error = Error(ErrorKind::kVendor, made.reason);
    result.rows.push_back(std::move(made));
  }
  result.rounds = json.value("rounds", 0);
  result.dropped_rounds = json.value("dropped_rounds", 0);
  result.noise_floor = json.value("noise_floor", 0.0);
  result.original_seconds = json.value("original_seconds", 0.0);
  result.original_load_seconds = json.value("original_load_seconds", 0.0);
  result.busy = json.value("busy", false);
  return result;
}

/// Names a set of entrants, whatever their order.
std::string subject_of(const std::string& kind, const Candidate& original, const std::vector<std::string>& digests) {
  std::set<std::string> sorted(digests.begin(), digests.end());
  return kind + ":" + original.digest + ":" + join(sorted, ",");
}

measure::RaceResult not_reached(const std::vector<std::string>& digests) {
  measure::RaceResult none;
  for (const std::string& digest : digests)
    none.rows.push_back({digest, measure::RaceFate::kNotReached, "time", {}, 0, 0});
  return none;
}

/// The leader of the race so far, for the progress display.
void note_best(Session& session, const measure::RaceResult& race) {
  const measure::RaceRow* best = nullptr;
  for (const measure::RaceRow& row : race.rows)
    if (row.estimate > 0 && row.fate != measure::RaceFate::kFailed &&
        (best == nullptr || row.estimate < best->estimate))
      best = &row;
  if (best == nullptr || race.original_seconds <= 0 || best->estimate >= race.original_seconds) return;
  const auto name = session.names.find(best->name);
  session.progress.best = name == session.names.end() ? "" : name->second;
  session.progress.best_speedup = race.original_seconds / best->estimate;
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

/// Latency, speed-up, percentiles, throughput, memory and load time of a confirmed candidate.
void fill_row(const Session& session, const measure::ConfirmRow& row, Candidate& candidate, double batch) {
  CandidateRow& out = candidate.row;
  if (row.loads.empty()) return;
  out.latency_median = Figure{row.latency.value, row.latency.low, row.latency.high};
  out.speedup = Figure{row.speedup.value, row.speedup.low, row.speedup.high};
  if (!row.calls.empty()) {
    out.latency_p90 = measure::percentile(row.calls, 0.90);
    if (const auto interval = measure::percentile_interval(row.calls, 0.90))
      out.latency_p90_interval = {interval->low, interval->high};
  }
  const double per_second = batch * session.request->concurrency;
  if (row.latency.value > 0 && row.latency.low > 0)
    out.throughput =
        Figure{per_second / row.latency.value, per_second / row.latency.high, per_second / row.latency.low};
  if (!row.load_seconds.empty()) out.load_seconds = measure::median(row.load_seconds);
  out.peak_memory_bytes = std::max(out.peak_memory_bytes, candidate.notes->peak_memory);
}

/// Timings that are recalled come without the children that had a peak.
Result<void> remember_peak(Session& session, Candidate& candidate) {
  if (candidate.notes->peak_memory > 0)
    return session.journal->record("peak", candidate.digest, candidate.notes->peak_memory);
  if (const auto known = session.journal->find("peak", candidate.digest); known && known->is_number_unsigned())
    candidate.notes->peak_memory = known->get<std::uint64_t>();
  return {};
}

double batch_size(const Session& session) {
  const auto axes = samples::batch_axes(session.signature, session.request->shapes);
  if (!axes.ok()) return 1;
  for (const samples::BatchAxis& axis : *axes)
    if (axis.axis) return static_cast<double>(axis.size);
  return 1;
}

/// p99 of a closed loop of single calls, where it does not take too long.
Result<void> add_tail(Session& session, Candidate& candidate) {
  if (!candidate.row.latency_median || candidate.row.latency_median->value * kTailCalls > kTailSeconds ||
      session.stopping())
    return {};
  std::vector<double> calls;
  if (const auto known = session.journal->find("tail", candidate.digest)) {
    calls = known->get<std::vector<double>>();
  } else {
    const TimingContext context = timing_of(session);
    SPEEDSTER_ASSIGN(ServedPackage child,
                     ServedPackage::start(*session.supervisor, session.serve_spec(candidate, "tail"), session.deadline,
                                          session.cancel));
    child.watch_memory(false);
    SPEEDSTER_ASSIGN(calls, child.tail(kTailCalls, context.samples, session.deadline, session.cancel));
    SPEEDSTER_TRY(session.journal->record("tail", candidate.digest, Json(calls)));
  }
  candidate.row.latency_p90 = measure::percentile(calls, 0.90);
  if (const auto interval = measure::percentile_interval(calls, 0.90))
    candidate.row.latency_p90_interval = {interval->low, interval->high};
  if (const auto p99 = measure::p99(calls)) candidate.row.latency_p99 = *p99;
  if (const auto interval = measure::percentile_interval(calls, 0.99))
    candidate.row.latency_p99_interval = {interval->low, interval->high};
  return {};
}

/// A tail that fails is no reason to lose the winner: its percentiles stay a dash.
void try_tail(Session& session, Candidate& candidate) {
  const auto added = add_tail(session, candidate);
  if (!added.ok() && !session.stopping()) session.log.warning(added.error().full_message());
}

/// Sets the fates of the finalists by the confirmation's verdicts.
void declare_fates(std::vector<Candidate>& candidates, Contest& contest) {
  const std::string answer = contest.confirmation->rows.back().verdict == "winner" ? "original" : "winner";
  for (std::size_t i = 0; i < contest.finalists.size(); ++i) {
    Candidate& candidate = candidates[contest.finalists[i]];
    CandidateRow& row = candidate.row;
    const measure::ConfirmRow& confirmed = contest.confirmation->rows[i];
    if (confirmed.verdict == "failed") {
      retire(candidate, CandidateFate::kFailed, confirmed.error ? confirmed.error->full_message() : "not confirmed");
      continue;
    }
    if (confirmed.loads.empty()) {
      retire(candidate, CandidateFate::kNotTried, "time: the budget had no room to confirm it");
      continue;
    }
    const bool faster = row.speedup && row.speedup->low.value_or(0) > 1;
    const std::string times = row.speedup ? short_number(row.speedup->value) + " times the original's speed" : "";
    if (confirmed.verdict == "winner") {
      row.fate = CandidateFate::kWinner;
      // Two loads may be enough for the choice and too few for a narrow interval.
      if (!faster) contest.confirmation->undecided = true;
      row.reason = times + (!faster                           ? ", with few loads: the printed interval reaches below 1"
                            : contest.confirmation->undecided ? ", the fastest estimate; not separated from others"
                                                              : "");
    } else if (!faster) {
      row.fate = CandidateFate::kSlowerThanOriginal;
      row.reason = times + "; not faster with confidence";
    } else if (confirmed.verdict == "equivalent") {
      row.fate = CandidateFate::kEquivalent;
      row.reason = times + "; equivalent to the " + answer + ", which is safer";
    } else if (confirmed.verdict == "slower") {
      row.fate = CandidateFate::kSlower;
      row.reason = times + "; slower than the winner";
    } else {
      row.fate = CandidateFate::kUndecided;
      row.reason = times + "; not separated from the winner";
    }
  }
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

}  // namespace

Result<Contest> race_stage(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, const std::vector<std::size_t>& contenders,
                           const std::vector<std::size_t>& excluded, const Deadline& confirm_end) {
  Contest contest;
  const measure::Policy policy = policy_of(session);
  // An earlier race may have told which original is the faster one.
  contest.baseline_is_defaults =
      original.row.race_latency && defaults.row.race_latency && *defaults.row.race_latency < *original.row.race_latency;
  // With so little time a race of as many as are confirmed anyway would only take the confirmation's part of it.
  if (session.total.limited() && session.total.left() < kShortSeconds &&
      contenders.size() <= static_cast<std::size_t>(policy.finalists) && !contenders.empty()) {
    straight_to_finals(contest, candidates, original, contenders, policy);
    return contest;
  }
  for (const Candidate& candidate : candidates) session.names[candidate.digest] = candidate.recipe.name;
  const Deadline latest = confirm_end.minus(confirm_reserve(policy, original, candidates, contenders));
  const Deadline deadline = latest.left() < session.deadline.left() ? latest : session.deadline;
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
  if (contest.race.original_seconds > 0) {
    original.row.race_latency = contest.race.original_seconds;
    original.row.load_seconds = contest.race.original_load_seconds;
  }
  for (const std::size_t index : contenders)
    if (const auto* row = row_of(contest.race, candidates[index].digest)) {
      apply(*row, candidates[index], false, session.cancel.cancelled());
      if (!candidates[index].out) contest.finalists.push_back(index);
    }
  if (with_defaults) {
    const auto* row = row_of(contest.race, defaults.digest);
    if (row != nullptr && row->estimate > 0) {
      defaults.row.race_latency = row->estimate;
      contest.baseline_is_defaults = contest.race.original_seconds > 0 && row->estimate < contest.race.original_seconds;
    }
  }
  std::stable_sort(contest.finalists.begin(), contest.finalists.end(), [&](std::size_t a, std::size_t b) {
    return candidates[a].row.race_latency.value_or(HUGE_VAL) < candidates[b].row.race_latency.value_or(HUGE_VAL);
  });
  if (contest.finalists.size() > static_cast<std::size_t>(policy.finalists)) {
    for (std::size_t i = static_cast<std::size_t>(policy.finalists); i < contest.finalists.size(); ++i)
      retire(candidates[contest.finalists[i]], CandidateFate::kSlower,
             "not among the fastest " + std::to_string(policy.finalists) + " of the race");
    contest.finalists.resize(static_cast<std::size_t>(policy.finalists));
  }

  // What the budget excludes is timed for its price, apart, so that it does not lead the race.
  if (!excluded.empty() && !session.stopping()) {
    measure::Policy one_look = policy;
    one_look.looks = {1};
    std::vector<measure::Entrant> priced;
    for (const std::size_t index : excluded) priced.push_back(entrant_of(session, candidates[index], "race"));
    auto prices = race_or_recall(session, "excluded", original, std::move(priced), one_look, deadline);
    if (!prices.ok()) {
      if (!session.stopping()) return std::move(prices).error();
    } else {
      double best = contest.race.original_seconds;
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
    }
  }
  return contest;
}

Result<void> confirm_stage(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, Contest& contest) {
  const measure::Policy policy = policy_of(session);
  Candidate& baseline = contest.baseline_is_defaults ? defaults : original;
  std::vector<std::size_t> all = contest.finalists;
  if (contest.priced) all.push_back(*contest.priced);
  std::vector<measure::Entrant> entrants;
  std::vector<std::string> digests;
  for (const std::size_t index : all) {
    entrants.push_back(entrant_of(session, candidates[index], "confirm"));
    entrants.back().may_win = !contest.priced || index != *contest.priced;
    digests.push_back(candidates[index].digest);
  }
  // Who may not win is judged otherwise: with a budget it is another question.
  const std::string kind = contest.priced ? "confirm beside " + candidates[*contest.priced].digest : "confirm";
  const std::string subject = subject_of(kind, baseline, digests);
  const auto not_confirmed = [&]() -> Result<void> {
    for (const std::size_t index : contest.finalists)
      retire(candidates[index], CandidateFate::kNotTried,
             session.cancel.cancelled() ? "cancelled before it was confirmed"
                                        : "time: the budget had no room to confirm it");
    return {};
  };
  if (const auto known = session.journal->find("confirm", subject))
    contest.confirmation = confirmation_from_json(*known);
  if (!contest.confirmation) {
    if (session.stopping()) return not_confirmed();
    auto told = now_seconds();
    auto confirmed = measure::confirm(entrant_of(session, baseline, "confirm"), entrants, policy,
                                      machine_foreign_share(session.machine.cores), session.deadline, session.cancel,
                                      [&](const measure::Confirmation&) {
                                        if (now_seconds() - told < 0.5) return;
                                        told = now_seconds();
                                        session.tell();
                                      });
    if (!confirmed.ok()) {
      const bool no_room = session.deadline.limited() && confirmed.error().kind() == ErrorKind::kTimeout;
      if (session.stopping() || no_room) return not_confirmed();
      return std::move(confirmed).error();
    }
    contest.confirmation = *std::move(confirmed);
    // What the end of the time or an interruption cut short is not the last word.
    if (!contest.confirmation->cut)
      SPEEDSTER_TRY(session.journal->record("confirm", subject, confirmation_to_json(*contest.confirmation)));
  }
  // The journal may have them in another order.
  std::vector<measure::ConfirmRow> rows;
  for (const std::string& digest : digests)
    for (const measure::ConfirmRow& row : contest.confirmation->rows)
      if (row.name == digest) rows.push_back(row);
  rows.push_back(contest.confirmation->rows.back());
  if (rows.size() != all.size() + 1)
    return Error(ErrorKind::kInternal,
                 "[confirm] expected a row for each finalist, got " + std::to_string(rows.size()));
  contest.confirmation->rows = std::move(rows);

  SPEEDSTER_TRY(remember_peak(session, baseline));
  for (const std::size_t index : all) SPEEDSTER_TRY(remember_peak(session, candidates[index]));
  const double batch = batch_size(session);
  for (std::size_t i = 0; i < all.size(); ++i)
    fill_row(session, contest.confirmation->rows[i], candidates[all[i]], batch);
  fill_row(session, contest.confirmation->rows.back(), baseline, batch);
  baseline.row.speedup = Figure{1, 1.0, 1.0};
  declare_fates(candidates, contest);
  for (const std::size_t index : contest.finalists)
    if (candidates[index].row.fate == CandidateFate::kWinner) {
      session.progress.best = candidates[index].recipe.name;
      session.progress.best_speedup = candidates[index].row.speedup ? candidates[index].row.speedup->value : 0;
      try_tail(session, candidates[index]);
    }
  try_tail(session, baseline);
  return {};
}

}  // namespace speedster::search
