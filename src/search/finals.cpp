/// The confirmation of the finalists in fresh processes, their tails and their fates.
#include <algorithm>

#include "measure/choice.h"
#include "measure/statistics.h"
#include "samples/batch.h"
#include "search/contest.h"
#include "search/entrants.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

// The 99th percentile and its interval need 368 calls. Those of the confirmation count, where each was stamped alone;
// the rest may take this long for the winner and the original together.
constexpr double kTailSeconds = 10, kStampedAlone = 1e-3;
constexpr std::size_t kTailCalls = 370;

/// Latency, speed-up, percentiles, throughput, memory and load time of a confirmed candidate.
void fill_row(const Session& session, const measure::ConfirmRow& row, Candidate& candidate, double batch) {
  CandidateRow& out = candidate.row;
  if (row.loads.empty()) return;
  out.latency_median = Figure{row.latency.value, row.latency.low, row.latency.high};
  out.speedup = Figure{row.speedup.value, row.speedup.low, row.speedup.high};
  if (!row.calls.empty()) {
    const std::vector<double> calls = measure::rescaled(row.calls, row.latency.value);
    out.latency_p90 = measure::percentile(calls, 0.90);
    if (const auto interval = measure::percentile_interval(calls, 0.90))
      out.latency_p90_interval = {interval->low, interval->high};
  }
  const double per_second = batch * session.request->concurrency;
  if (row.latency.value > 0 && row.latency.low > 0)
    out.throughput =
        Figure{per_second / row.latency.value, per_second / row.latency.high, per_second / row.latency.low};
  if (!row.load_seconds.empty()) out.load_seconds = measure::median(row.load_seconds);
  if (!candidate.notes->call_cpu_seconds.empty())
    out.call_cpu_seconds = measure::median(candidate.notes->call_cpu_seconds);
  out.peak_memory_bytes = std::max(out.peak_memory_bytes, candidate.notes->peak_memory);
}

/// Timings that are recalled come without the children that had a peak and used a processor.
Result<void> remember_notes(Session& session, Candidate& candidate) {
  TimingNotes& notes = *candidate.notes;
  if (notes.peak_memory > 0)
    SPEEDSTER_TRY(session.journal->record("peak", candidate.digest, notes.peak_memory));
  else if (const auto known = session.journal->find("peak", candidate.digest); known && known->is_number_unsigned())
    notes.peak_memory = known->get<std::uint64_t>();
  if (!notes.call_cpu_seconds.empty())
    return session.journal->record("cpu", candidate.digest, measure::median(notes.call_cpu_seconds));
  if (const auto known = session.journal->find("cpu", candidate.digest); known && known->is_number())
    notes.call_cpu_seconds = {known->get<double>()};
  return {};
}

Result<void> remember_all(Session& session, Candidate& baseline, std::vector<Candidate>& candidates,
                          const std::vector<std::size_t>& indices) {
  SPEEDSTER_TRY(remember_notes(session, baseline));
  for (const std::size_t index : indices) SPEEDSTER_TRY(remember_notes(session, candidates[index]));
  return {};
}

double batch_of(const Session& session, const std::map<std::string, Shape>& shapes) {
  const auto axes = samples::batch_axes(session.signature, shapes);
  if (!axes.ok()) return 1;
  for (const samples::BatchAxis& axis : *axes)
    if (axis.axis) return static_cast<double>(axis.size);
  return 1;
}

/// Rows of a call; of a mix, on average.
double batch_size(const Session& session) {
  if (!session.call_shapes) return batch_of(session, session.request->shapes);
  double mean = 0;
  for (const measure::CallShape& one : *session.call_shapes) mean += one.share * batch_of(session, one.shapes);
  return mean;
}

/// p90 and p99 of a closed loop of single calls, where `seconds_left` allows; what they take is taken from it.
Result<void> add_tail(Session& session, const measure::ConfirmRow& confirmed, Candidate& candidate,
                      double& seconds_left) {
  if (!candidate.row.latency_median || session.stopping()) return {};
  const double median = candidate.row.latency_median->value;
  const std::size_t there = median >= kStampedAlone ? confirmed.calls.size() : 0;
  const std::size_t missing = kTailCalls - std::min(there, kTailCalls);
  std::vector<double> calls;
  // A tail that was recorded beside more calls of another confirmation is too short for this one.
  if (const auto known = session.journal->find("tail", candidate.digest)) calls = known->get<std::vector<double>>();
  if (calls.size() < missing) {
    const measure::BlockSpec profile = load_profile(session);
    const double pace = std::max(median, profile.interval_seconds), needed = pace * static_cast<double>(missing);
    if (needed > std::min(seconds_left, session.deadline.left())) return {};
    seconds_left -= needed;
    const TimingContext context = timing_of(session);
    SPEEDSTER_ASSIGN(ServedPackage child,
                     ServedPackage::start(*session.supervisor, session.serve_spec(candidate, "tail"), session.deadline,
                                          session.cancel));
    child.watch_memory(false);
    // One request is one call to the supervisor, which has a time-out: half of it for each.
    const double most = 0.5 * session.request->candidate_timeout_seconds / pace;
    calls.clear();
    while (calls.size() < missing) {
      const auto wanted =
          static_cast<int>(std::clamp(static_cast<double>(missing - calls.size()), 1.0, std::max(most, 1.0)));
      SPEEDSTER_ASSIGN(const std::vector<double> more,
                       child.tail(wanted, profile, context.samples, session.deadline, session.cancel));
      if (more.empty()) return Error(ErrorKind::kInternal, "[tail] expected calls, got none");
      calls.insert(calls.end(), more.begin(), more.end());
    }
    SPEEDSTER_TRY(session.journal->record("tail", candidate.digest, Json(calls)));
  }
  // The latency of a mix is no median of calls that percentiles could be set beside.
  if (!calls.empty() && !session.call_shapes) calls = measure::rescaled(std::move(calls), median);
  if (there > 0)
    for (const double call : measure::rescaled(confirmed.calls, median)) calls.push_back(call);
  candidate.row.latency_p90 = measure::percentile(calls, 0.90);
  if (const auto interval = measure::percentile_interval(calls, 0.90))
    candidate.row.latency_p90_interval = {interval->low, interval->high};
  if (const auto p99 = measure::p99(calls)) candidate.row.latency_p99 = *p99;
  if (const auto interval = measure::percentile_interval(calls, 0.99))
    candidate.row.latency_p99_interval = {interval->low, interval->high};
  return {};
}

/// A tail that fails is no reason to lose the winner: its percentiles stay a dash.
void try_tail(Session& session, const measure::ConfirmRow& confirmed, Candidate& candidate, double& seconds_left) {
  const auto added = add_tail(session, confirmed, candidate, seconds_left);
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
                            : contest.confirmation->undecided ? "; not separated from others"
                                                              : "");
    } else if (!faster) {
      const bool looks_faster = row.speedup && row.speedup->value > 1;
      row.fate = looks_faster ? CandidateFate::kUndecided : CandidateFate::kSlowerThanOriginal;
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

/// Nobody was confirmed, because the time or the user ended it.
void not_confirmed(const Session& session, std::vector<Candidate>& candidates, const Contest& contest) {
  for (const std::size_t index : contest.finalists)
    retire(candidates[index], CandidateFate::kNotTried,
           session.cancel.cancelled() ? "cancelled before it was confirmed"
                                      : "time: the budget had no room to confirm it");
}

/// A limit on the tail is a question that the confirmation must leave time for.
Deadline confirm_deadline(const Session& session, const std::vector<measure::Entrant>& entrants) {
  if (!session.request->max_p99_seconds) return session.deadline;
  double call = 0;
  for (const measure::Entrant& entrant : entrants)
    if (entrant.may_win) call = call > 0 ? std::min(call, entrant.call_seconds) : entrant.call_seconds;
  return session.deadline.minus(static_cast<double>(kTailCalls) *
                                std::max(call, load_profile(session).interval_seconds));
}

/// The stored confirmation of these entrants, or a new one; nothing where the time or the user ended it.
Result<std::optional<measure::Confirmation>> confirm_or_recall(Session& session, const std::string& subject,
                                                               const Candidate& baseline,
                                                               const std::vector<measure::Entrant>& entrants,
                                                               const measure::Policy& policy) {
  std::optional<measure::Confirmation> known;
  if (const auto stored = session.journal->find("confirm", subject)) known = confirmation_from_json(*stored);
  if (known || session.stopping()) return known;
  auto told = now_seconds();
  auto confirmed = measure::confirm(entrant_of(session, baseline, "confirm"), entrants, policy,
                                    machine_foreign_share(session.machine.cores), confirm_deadline(session, entrants),
                                    session.cancel, [&](const measure::Confirmation&) {
                                      if (now_seconds() - told < 0.5) return;
                                      told = now_seconds();
                                      session.tell();
                                    });
  if (!confirmed.ok()) {
    const bool no_room = session.deadline.limited() && confirmed.error().kind() == ErrorKind::kTimeout;
    if (session.stopping() || no_room) return known;
    return std::move(confirmed).error();
  }
  // What the end of the time or an interruption cut short, or who failed this once, is not the last word.
  const bool failed =
      std::ranges::any_of(confirmed->rows, [](const measure::ConfirmRow& row) { return row.verdict == "failed"; });
  if (!confirmed->cut && !failed)
    SPEEDSTER_TRY(session.journal->record("confirm", subject, confirmation_to_json(*confirmed)));
  return std::optional<measure::Confirmation>(*std::move(confirmed));
}

/// The journal may have the rows in another order; the original's is the last.
Result<void> bring_in_order(measure::Confirmation& confirmation, const std::vector<std::string>& digests) {
  std::vector<measure::ConfirmRow> rows;
  for (const std::string& digest : digests)
    for (const measure::ConfirmRow& row : confirmation.rows)
      if (row.name == digest) rows.push_back(row);
  if (rows.size() != digests.size() || confirmation.rows.empty())
    return Error(ErrorKind::kInternal,
                 "[confirm] expected a row for each finalist, got " + std::to_string(rows.size()));
  rows.push_back(confirmation.rows.back());
  confirmation.rows = std::move(rows);
  return {};
}

/// A limit on it is worth any time that there is.
double tail_seconds(const Session& session) { return session.request->max_p99_seconds ? HUGE_VAL : kTailSeconds; }

/// The winner's comes first: both share the time.
void add_tails(Session& session, std::vector<Candidate>& candidates, Candidate& baseline, const Contest& contest) {
  double seconds_left = tail_seconds(session);
  for (std::size_t i = 0; i < contest.finalists.size(); ++i) {
    Candidate& candidate = candidates[contest.finalists[i]];
    if (candidate.row.fate != CandidateFate::kWinner) continue;
    session.progress.best = candidate.recipe.name;
    session.progress.best_speedup = candidate.row.speedup ? candidate.row.speedup->value : 0;
    try_tail(session, contest.confirmation->rows[i], candidate, seconds_left);
  }
  seconds_left = std::min(seconds_left, kTailSeconds);
  try_tail(session, contest.confirmation->rows.back(), baseline, seconds_left);
}

}  // namespace

void add_tail_of(Session& session, std::vector<Candidate>& candidates, const Contest& contest, std::size_t index) {
  double seconds_left = tail_seconds(session);
  for (std::size_t i = 0; i < contest.finalists.size(); ++i)
    if (contest.finalists[i] == index)
      try_tail(session, contest.confirmation->rows[i], candidates[index], seconds_left);
}

Result<void> confirm_stage(Session& session, std::vector<Candidate>& candidates, Candidate& original,
                           Candidate& defaults, Contest& contest) {
  const measure::Policy policy = policy_of(session, candidates);
  Candidate& baseline = contest.baseline_is_defaults ? defaults : original;
  std::vector<std::size_t> all = contest.finalists;
  if (contest.priced) all.push_back(*contest.priced);
  std::vector<measure::Entrant> entrants;
  std::vector<std::string> digests;
  // Memory decides between equals: what earlier stages saw is asked for now, what this one sees is kept afterwards.
  SPEEDSTER_TRY(remember_all(session, baseline, candidates, all));
  for (const std::size_t index : all) {
    entrants.push_back(entrant_of(session, candidates[index], "confirm"));
    entrants.back().may_win = !contest.priced || index != *contest.priced;
    digests.push_back(candidates[index].digest);
  }
  // Who may not win is judged otherwise: with a budget it is another question.
  const std::string kind = contest.priced ? "confirm beside " + candidates[*contest.priced].digest : "confirm";
  SPEEDSTER_ASSIGN(contest.confirmation,
                   confirm_or_recall(session, subject_of(kind, baseline, digests), baseline, entrants, policy));
  if (!contest.confirmation) {
    not_confirmed(session, candidates, contest);
    return {};
  }
  SPEEDSTER_TRY(bring_in_order(*contest.confirmation, digests));
  SPEEDSTER_TRY(remember_all(session, baseline, candidates, all));
  const double batch = batch_size(session);
  for (std::size_t i = 0; i < all.size(); ++i)
    fill_row(session, contest.confirmation->rows[i], candidates[all[i]], batch);
  fill_row(session, contest.confirmation->rows.back(), baseline, batch);
  baseline.row.speedup = Figure{1, 1.0, 1.0};
  declare_fates(candidates, contest);
  add_tails(session, candidates, baseline, contest);
  return {};
}

}  // namespace speedster::search
