#include "search/jury.h"

#include "search/limits.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

using Extent = CheckPart::Extent;

// Under a time budget: the part of a stage's time that one candidate's check may take.
constexpr double kCheckShare = 0.35, kJudgeShare = 0.8;

/// What is wrong with the user's metric or labels is no candidate's fate.
bool is_metrics(const Error& error) {
  return error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kBadInput;
}

void over_budget(const Session& session, Candidate& candidate, const accuracy::Drop& drop, const std::string& part) {
  candidate.row.fate = CandidateFate::kOverBudget;
  // What decides where a confidence is asked for is the bound.
  const std::string bound = !session.budget.confidence ? ""
                            : drop.high                ? ", bound " + short_number(*drop.high)
                                                       : ", no bound known";
  candidate.row.reason =
      "drop " + short_number(drop.value) + bound + " on the " + part + " samples, budget " +
      short_number(session.budget.drop.value_or(0)) +
      (session.signature.outputs.size() > 1 && !drop.output.empty() ? " (output " + drop.output + ")" : "");
}

Standing against_budget(const Session& session, Candidate& candidate) {
  const accuracy::Drop& drop = *candidate.searched;
  if (!session.budget.full_precision_only()) {
    if (accuracy::judge(drop, session.budget) != accuracy::Verdict::kBreaks) return Standing::kContender;
    over_budget(session, candidate, drop, "search");
    return Standing::kOnlyPriced;
  }
  if (candidate.reduced) {
    candidate.row.fate = CandidateFate::kReduced;
    candidate.row.reason =
        "ran in " + candidate.row.ran_precision + "; full precision only without a --metric-drop above 0";
    return Standing::kOnlyPriced;
  }
  if (drop.relative_l2 <= accuracy::kFullPrecision) return Standing::kContender;
  candidate.row.fate = CandidateFate::kOverBudget;
  candidate.row.reason = "relative L2 " + short_number(drop.relative_l2) + " to the original, above 0.001";
  return Standing::kOnlyPriced;
}

}  // namespace

Standing qualify(const Session& session, Candidate& candidate) {
  if (candidate.out || !candidate.searched) return Standing::kOut;
  const accuracy::Drop& drop = *candidate.searched;
  set_drop(candidate.row, drop, session.split.independent);
  if (drop.new_non_finite) {
    retire(candidate, CandidateFate::kFailed, "wrong answer: NaN or infinity where the original has numbers");
    return Standing::kOut;
  }
  if (session.store.random() && candidate.reduced) {
    candidate.row.fate = CandidateFate::kNotJudged;
    candidate.row.reason = "accuracy not judged: samples are random, and it ran in " + candidate.row.ran_precision;
    return Standing::kOnlyPriced;
  }
  const Standing standing = against_budget(session, candidate);
  if (standing != Standing::kContender) return standing;
  const std::vector<Excess> above = excesses(*session.request, candidate.row, false);
  if (above.empty()) return standing;
  candidate.row.fate = CandidateFate::kOverLimit;
  candidate.row.reason = reason_of(above);
  return Standing::kOnlyPriced;
}

void pass_verdict(const Session& session, Candidate& candidate, bool priced) {
  const accuracy::Drop& drop = *candidate.judged;
  set_drop(candidate.row, drop, session.split.independent);
  candidate.row.drop_note = !session.split.independent ? "not independent"
                            : candidate.check_cut
                                ? "judged on " + std::to_string(drop.samples) + " samples: the time budget"
                                : "";
  if (drop.blank > 0)
    candidate.row.drop_note += (candidate.row.drop_note.empty() ? "" : "; ") + std::string("nothing to compare on ") +
                               std::to_string(drop.blank) + " samples: the original has NaN or infinity everywhere";
  const bool full_only = session.budget.full_precision_only();
  if (priced) {
    if (candidate.row.fate == CandidateFate::kOverBudget && !full_only &&
        accuracy::judge(drop, session.budget) == accuracy::Verdict::kBreaks)
      over_budget(session, candidate, drop, "judging");
    return;
  }
  if (drop.new_non_finite) {
    retire(candidate, CandidateFate::kFailed, "wrong answer on the judging samples: NaN or infinity");
  } else if (full_only && drop.relative_l2 > accuracy::kFullPrecision) {
    retire(candidate, CandidateFate::kOverBudget,
           "relative L2 " + short_number(drop.relative_l2) + " on the judging samples");
  } else if (!full_only) {
    const accuracy::Verdict held = accuracy::judge(drop, session.budget);
    if (held == accuracy::Verdict::kHoldsByEstimateOnly)
      candidate.row.drop_note =
          "held by the estimate only" + (candidate.row.drop_note.empty() ? "" : "; " + candidate.row.drop_note);
    if (held == accuracy::Verdict::kBreaks) {
      over_budget(session, candidate, drop, "judging");
      candidate.out = true;
    }
  }
}

Result<void> Jury::check(Candidate& candidate) {
  if (const auto known = session_->journal->find("checked", candidate.digest)) {
    if (restore_check(*session_, *known, candidate)) return {};
  }
  return check(candidate, Extent::kUntilHopeless);
}

Result<void> Jury::check(Candidate& candidate, Extent extent) {
  if (session_->stopping()) {
    retire(candidate, CandidateFate::kNotTried, session_->cancel.cancelled() ? "cancelled" : "time");
    return {};
  }
  CheckPart part{session_->split.search, session_->split.independent, extent, "check", kCheckShare};
  part.beside_jobs = extent == Extent::kUntilHopeless;  // the first check of each; a price is asked for after all jobs
  auto drop = search::check(*session_, *original_, candidate, part);
  if (!drop.ok()) {
    const Error& error = drop.error();
    if (error.kind() == ErrorKind::kCancelled)
      retire(candidate, CandidateFate::kNotTried, "cancelled");
    else if (session_->deadline.passed())
      retire(candidate, CandidateFate::kNotTried, "time: the budget ended while it was checked");
    else if (original_->is_broken() || is_metrics(error))
      return error;
    else
      retire(candidate, CandidateFate::kFailed, error.full_message());
    return {};
  }
  candidate.searched = *drop;
  // A later search has the time for all samples, and who answers wrong is tried again, as all that failed.
  if (candidate.check_cut || drop->new_non_finite) return {};
  return session_->journal->record("checked", candidate.digest, check_to_json(*session_, candidate));
}

Result<void> Jury::price(Candidate& candidate) {
  // Both drops are wanted whole: the command that accepts them is made of them.
  if (candidate.searched->samples < session_->split.search.size() && !candidate.check_cut && !session_->stopping()) {
    SPEEDSTER_TRY(check(candidate, Extent::kWhole));
    if (candidate.out) return {};
  }
  if (candidate.judged && candidate.judged->samples < session_->split.judging.size()) candidate.judged.reset();
  return judge(candidate, true);
}

Result<void> Jury::judge(Candidate& candidate) { return judge(candidate, false); }

Result<void> Jury::judge(Candidate& candidate, bool priced) {
  // It may have been judged before a race was repeated.
  if (!candidate.judged && !session_->split.independent) candidate.judged = candidate.searched;
  if (!candidate.judged) {
    if (const auto known = session_->journal->find("judged", candidate.digest)) {
      candidate.judged = judged_from_json(*session_, *known, priced);
      if (candidate.judged) candidate.check_cut = false;
    }
  }
  if (!candidate.judged) {
    const CheckPart part{session_->split.judging, true, priced ? Extent::kWhole : Extent::kUntilHopeless, "judge",
                         kJudgeShare};
    auto drop = search::check(*session_, *original_, candidate, part);
    if (!drop.ok()) return not_judged(candidate, priced, std::move(drop).error());
    candidate.judged = *drop;
    if (!candidate.check_cut && !drop->new_non_finite)
      SPEEDSTER_TRY(session_->journal->record("judged", candidate.digest, judged_to_json(*session_, *drop)));
  }
  pass_verdict(*session_, candidate, priced);
  return {};
}

Result<void> Jury::vouch_for(Candidate& candidate, const Candidate& original) {
  if (const auto known = session_->journal->find("vouched", candidate.digest)) {
    note_info(*session_, candidate, *known);
    return {};
  }
  const auto info = agrees(*session_, *original_, candidate, session_->split.search.front());
  if (info.ok()) {
    note_info(*session_, candidate, *info);
    if (candidate.row.ran_precision == original.row.ran_precision)
      return session_->journal->record("vouched", candidate.digest, *info);
    retire(candidate, CandidateFate::kReduced, "it ran in " + candidate.row.ran_precision);
    return {};
  }
  if (session_->stopping())
    retire(candidate, CandidateFate::kNotTried, session_->cancel.cancelled() ? "cancelled" : "time");
  else if (original_->is_broken())
    return info.error();
  else
    retire(candidate, CandidateFate::kFailed, info.error().full_message());
  return {};
}

Result<void> Jury::not_judged(Candidate& candidate, bool priced, Error error) const {
  if (session_->stopping()) {
    if (!priced)  // which keeps its fate; only its price stays unknown
      retire(candidate, CandidateFate::kNotTried,
             session_->cancel.cancelled() ? "cancelled" : "time: the budget ended before it was judged");
    return {};
  }
  if (is_metrics(error) || original_->is_broken()) return error;
  retire(candidate, CandidateFate::kFailed, error.full_message());
  return {};
}

}  // namespace speedster::search
