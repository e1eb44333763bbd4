/// From what the stages found out to the report's rows, and the journal's JSON forms of the same.
#pragma once
#include <string>
#include <vector>

#include "search/contest.h"
#include "search/session.h"

namespace speedster::search {

/// Three significant digits: "0.00123", "1.2e-07".
std::string short_number(double value);
/// Up to two digits, so that a printed bound lets the value through that it was made for.
double rounded_up(double value);

void set_drop(CandidateRow& row, const accuracy::Drop& drop, bool independent);
Json check_to_json(const Session& session, const Candidate& candidate);
/// False where the record does not fit (an older version wrote it, or it stopped early under a smaller budget).
bool restore_check(const Session& session, const Json& json, Candidate& candidate);
std::optional<accuracy::Drop> drop_from_json(const Json& json);
Json judged_to_json(const Session& session, const accuracy::Drop& drop);
/// Nothing where the record does not fit, as for restore_check, or where `whole` is wanted and it stopped early.
std::optional<accuracy::Drop> judged_from_json(const Session& session, const Json& json, bool whole);
Json corners_to_json(const std::vector<CornerRow>& rows);
std::vector<CornerRow> corners_from_json(const Json& json);
Json confirmation_to_json(const measure::Confirmation& confirmation);
std::optional<measure::Confirmation> confirmation_from_json(const Json& json);

/// Confirmed candidates that may be in the package, winner first; empty = the original is the answer.
std::vector<std::size_t> ranking(const std::vector<Candidate>& candidates, const Contest& contest);

/// Of a ranking what belongs into a package: the winner, and behind it who loads on machines where none before does,
/// because it has another backend or needs fewer instruction sets.
std::vector<std::size_t> with_fallbacks(const Session& session, const std::vector<Candidate>& candidates,
                                        const std::vector<std::size_t>& ranked);

/// Marks the candidates to which neither another nor the original is preferable: faster and at most as lossy, or as
/// fast and less lossy. Who failed is no candidate for it.
void mark_front(Report& report);

/// The report without package, digest and total time. `baseline` is the faster original.
Report make_report(Session& session, std::vector<Candidate>& candidates, const Candidate& baseline,
                   const Contest& contest, const std::vector<std::size_t>& ranked);

}  // namespace speedster::search
