/// The accuracy verdicts: who may race at all, and which finalists hold on samples that no decision has seen.
#pragma once
#include "search/session.h"

namespace speedster::search {

/// What a candidate that was checked on the search samples may do. The others have their fate and its reason.
enum class Standing { kContender, kOnlyPriced, kOut };
Standing qualify(const Session& session, Candidate& candidate);

/// What follows from the drop on the judging samples: who breaks the budget there is out. Who is only `priced` keeps
/// its fate.
void pass_verdict(const Session& session, Candidate& candidate, bool priced);

/// Finds out what candidates lose, or remembers it from the journal. Errors end the search: they are the user's
/// metric's, the journal's or those of an original that is_broken().
class Jury {
 public:
  /// Both outlive it.
  Jury(Session& session, OriginalOutputs& original) : session_(&session), original_(&original) {}

  /// On the search samples.
  Result<void> check(Candidate& candidate);
  /// On the judging samples, as far as they are needed, and the verdict.
  Result<void> judge(Candidate& candidate);
  /// On all samples of both parts, for somebody that the budget excludes.
  Result<void> price(Candidate& candidate);
  /// For the original with other settings: one sample, on which it must give the numbers of `original` in its
  /// precision, else it is out.
  Result<void> vouch_for(Candidate& candidate, const Candidate& original);

 private:
  Result<void> check(Candidate& candidate, CheckPart::Extent extent);
  Result<void> judge(Candidate& candidate, bool priced);
  Result<void> not_judged(Candidate& candidate, bool priced, Error error) const;

  Session* session_;
  OriginalOutputs* original_;
};

}  // namespace speedster::search
