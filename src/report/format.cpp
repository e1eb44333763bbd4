#include "report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/text.h"

namespace speedster::report {
namespace {

struct Unit {
  double scale;
  const char* name;
};

Unit unit_of_seconds(double seconds) {
  const double size = std::fabs(seconds);
  // 999.5 and more would print as 1000 of the smaller unit.
  if (size < 0.9995e-6) return {1e-9, "ns"};
  if (size < 0.9995e-3) return {1e-6, "µs"};
  if (size < 0.9995) return {1e-3, "ms"};
  return {1, "s"};
}

std::string three_digits(double value) {
  const double size = std::fabs(value);
  if (size >= 99.95 || size == 0) return fmt::format("{:.0f}", value);
  return size >= 9.995 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

std::string minutes(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

int fate_rank(CandidateFate fate) {
  static constexpr std::array kOrder = {
      CandidateFate::kWinner,    CandidateFate::kEquivalent,         CandidateFate::kUndecided,
      CandidateFate::kSlower,    CandidateFate::kSlowerThanOriginal, CandidateFate::kReduced,
      CandidateFate::kNotJudged, CandidateFate::kOverBudget,         CandidateFate::kOverLimit,
      CandidateFate::kFailed,    CandidateFate::kNotTried,           CandidateFate::kNotPossible};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), fate) - kOrder.begin());
}

}  // namespace

std::string format_number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";
  if (value == 0) return "0";
  const double size = std::fabs(value);
  if (size < 1e-4 || size >= 1e6) return fmt::format("{:.1e}", value);
  return fmt::format("{:.3g}", value);
}

std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds)) return kNothing;
  if (std::fabs(seconds) >= 119.5) return minutes(seconds);
  const Unit unit = unit_of_seconds(seconds);
  return three_digits(seconds / unit.scale) + " " + unit.name;
}

std::string format_seconds(const Figure& seconds) {
  if (!seconds.low || !seconds.high || std::fabs(seconds.value) >= 119.5) return format_seconds(seconds.value);
  const double scale = unit_of_seconds(seconds.value).scale;
  return fmt::format("{} ({}–{})", format_seconds(seconds.value), three_digits(*seconds.low / scale),
                     three_digits(*seconds.high / scale));
}

std::string format_tick_seconds(double seconds) {
  const Unit unit = unit_of_seconds(seconds);
  return fmt::format("{:.3g} {}", seconds / unit.scale, unit.name);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes == 0) return kNothing;
  static constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return (unit == 0 ? fmt::format("{:.0f}", value) : three_digits(value)) + " " + kUnits[unit];
}

std::string format_ratio(double ratio) { return std::isfinite(ratio) ? three_digits(ratio) + "×" : kNothing; }

std::string format_ratio(const Figure& ratio) {
  if (!ratio.low || !ratio.high) return format_ratio(ratio.value);
  return fmt::format("{} ({}–{})", format_ratio(ratio.value), three_digits(*ratio.low), three_digits(*ratio.high));
}

std::string format_rate(double per_second) {
  return std::isfinite(per_second) ? three_digits(per_second) + " /s" : kNothing;
}

std::string format_rate(const Figure& per_second) {
  if (!per_second.low || !per_second.high) return format_rate(per_second.value);
  return fmt::format("{} ({}–{})", format_rate(per_second.value), three_digits(*per_second.low),
                     three_digits(*per_second.high));
}

std::string format_drop(double drop) { return std::isfinite(drop) ? format_number(drop) : "new NaN or infinity"; }

std::string format_drop(const Figure& drop) {
  if (!drop.low || !drop.high) return format_drop(drop.value);
  return fmt::format("{} ({} to {})", format_drop(drop.value), format_number(*drop.low), format_number(*drop.high));
}

std::optional<double> shown_latency(const CandidateRow& row) {
  if (row.latency_median) return row.latency_median->value;
  return row.race_latency;
}

std::optional<ShownSpeedup> shown_speedup(const Report& report, const CandidateRow& row) {
  if (row.speedup) return ShownSpeedup{row.speedup->value, true};
  // Both times must come from the race: its clock and the confirmation's are not mixed.
  if (row.race_latency && report.original.race_latency && *row.race_latency > 0)
    return ShownSpeedup{*report.original.race_latency / *row.race_latency, false};
  return std::nullopt;
}

std::vector<std::size_t> listing_order(const Report& report) {
  std::vector<std::size_t> order(report.candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    const CandidateRow& row = report.candidates[i];
    return std::pair(fate_rank(row.fate), shown_latency(row).value_or(std::numeric_limits<double>::infinity()));
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

const CandidateRow& winner_or_original(const Report& report) {
  return report.winner && *report.winner < report.candidates.size() ? report.candidates[*report.winner]
                                                                    : report.original;
}

std::string rewriting_line(const Report& report) {
  if (!report.rewriting) return {};
  const GraphRewriting& rewriting = *report.rewriting;
  if (!rewriting.failed.empty()) return "the graph was not rewritten: " + rewriting.failed;
  std::vector<std::string> done, undone;
  for (const RewritePass& pass : rewriting.passes) {
    if (!pass.undone.empty())
      undone.push_back(fmt::format("{} taken back: {}", pass.name, pass.undone));
    else if (pass.changes > 0)
      done.push_back(fmt::format("{} {}", pass.name, pass.changes));
  }
  if (done.empty() && undone.empty()) return {};
  std::string text = "rewritten: nothing";
  if (!done.empty())
    text = fmt::format("rewritten: {} → {} nodes by {} ({})", rewriting.nodes_before, rewriting.nodes_after,
                       done.size() == 1 ? "1 pass" : fmt::format("{} passes", done.size()), join(done, ", "));
  return undone.empty() ? text : text + "; " + join(undone, "; ");
}

std::string verdict(const Report& report) {
  const CandidateRow& best = winner_or_original(report);
  if (&best == &report.original) {
    if (report.outcome == "cancelled") return "Cancelled before a faster version was confirmed: the original is kept.";
    if (report.outcome == "time") return "The time ended before a faster version was confirmed: the original is kept.";
    return "Nothing that qualified is faster with confidence: the original is kept.";
  }
  std::string text = best.name;
  if (best.speedup) {
    text += fmt::format(" is {} as fast as the original", format_ratio(best.speedup->value));
    if (best.speedup->low && best.speedup->high)
      text += fmt::format(" (95 % interval {:.3g} to {:.3g})", *best.speedup->low, *best.speedup->high);
  } else {
    text += " is the fastest that qualified";
  }
  if (best.drop) {
    text += fmt::format("; it loses {} in {}", format_drop(best.drop->value), report.metric);
    if (report.budget && *report.budget > 0) text += fmt::format(" of {} allowed", format_number(*report.budget));
  }
  text += ".";
  if (report.undecided) text += " Undecided: another candidate, or the original, may be as fast.";
  return text;
}

}  // namespace speedster::report
