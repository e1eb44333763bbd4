/// The words for what became of a candidate.
#pragma once
#include <speedster/report.h>

#include <array>
#include <optional>
#include <string_view>

namespace speedster::report {

struct FateRow {
  CandidateFate fate;
  const char* name;     ///< in JSON and tables
  const char* meaning;  ///< one line, for legends
};

/// All fates in the order of the enumeration.
inline constexpr std::array<FateRow, 13> kFates = {{
    {CandidateFate::kWinner, "winner", "in the package, first variant"},
    {CandidateFate::kEquivalent, "equivalent", "as fast as the winner, not chosen"},
    {CandidateFate::kSlower, "slower", "qualified, slower than the winner"},
    {CandidateFate::kUndecided, "undecided", "qualified, not separated from the winner"},
    {CandidateFate::kSlowerThanOriginal, "slower than original", "qualified, not faster than the original"},
    {CandidateFate::kOverBudget, "over budget", "loses more accuracy than allowed"},
    {CandidateFate::kOverLimit, "over limit", "larger, slower to load or with a longer tail than allowed"},
    {CandidateFate::kReduced, "reduced", "ran in reduced precision where only full precision may win"},
    {CandidateFate::kNotJudged, "not judged", "ran in reduced precision, and the samples are random"},
    {CandidateFate::kFailed, "failed", "crashed, timed out, out of memory, vendor error or wrong outputs"},
    {CandidateFate::kNotPossible, "not possible", "cannot work on this machine or model, known beforehand"},
    {CandidateFate::kNotTried, "not tried", "the time ended or the search was cancelled"},
    {CandidateFate::kOriginal, "original", "what the candidates are measured against"},
}};

constexpr const FateRow& fate_row(CandidateFate fate) {
  for (const FateRow& row : kFates)
    if (row.fate == fate) return row;
  return kFates.back();
}

constexpr std::optional<CandidateFate> fate_from_name(std::string_view name) {
  for (const FateRow& row : kFates)
    if (row.name == name) return row.fate;
  return std::nullopt;
}

/// Passed the accuracy check and ran: it took part in the choice.
constexpr bool qualified(CandidateFate fate) { return fate <= CandidateFate::kSlowerThanOriginal; }

}  // namespace speedster::report
