// The result in three columns, and the table of all candidates.
#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "report/fate.h"
#include "report/format.h"
#include "report/html_sections.h"
#include "report/html_text.h"

namespace speedster::report {
namespace {

const char* fate_class(CandidateFate fate) {
  switch (fate) {
    case CandidateFate::kWinner: return "winner";
    case CandidateFate::kEquivalent:
    case CandidateFate::kUndecided:
    case CandidateFate::kSlower: return "qualified";
    case CandidateFate::kOverBudget:
    case CandidateFate::kOverLimit:
    case CandidateFate::kReduced:
    case CandidateFate::kNotJudged: return "excluded";
    case CandidateFate::kFailed: return "failed";
    default: return "quiet";
  }
}

/// A figure with its interval ("5.20 ms (5.15–5.26)") in small print behind it.
template <typename Format>
std::string with_interval(const std::optional<Figure>& figure, Format format) {
  if (!figure) return kNothing;
  const std::string text = escape_html(format(*figure));
  const std::size_t bracket = text.find(" (");
  if (bracket == std::string::npos) return text;
  return text.substr(0, bracket) + R"( <span class="interval-text">)" +
         text.substr(bracket + 2, text.size() - bracket - 3) + "</span>";
}

std::optional<Figure> figure(const std::optional<double>& value,
                             const std::optional<std::pair<double, double>>& interval) {
  if (!value) return std::nullopt;
  Figure joined{*value, {}, {}};
  if (interval) joined.low = interval->first, joined.high = interval->second;
  return joined;
}

std::string seconds(const Figure& value) { return format_seconds(value); }
std::string ratio(const Figure& value) { return format_ratio(value); }
std::string rate(const Figure& value) { return format_rate(value); }
std::string drop(const Figure& value) { return format_drop(value); }
std::string plain_seconds(double value) { return format_seconds(value); }

std::string change(double original, double best, const char* better, const char* worse) {
  if (!(original > 0) || !(best > 0)) return {};
  const double r = original / best;
  if (std::fabs(r - 1) < 0.005) return "the same";
  return r >= 1 ? format_ratio(r) + " " + better : format_ratio(1 / r) + " " + worse;
}

std::string result_row(const char* label, const std::string& original, const std::string& best, const std::string& gain,
                       bool kept) {
  std::string html = fmt::format("<tr><td>{}</td><td>{}</td>", label, original);
  if (!kept) html += fmt::format("<td>{}</td><td>{}</td>", best, gain);
  return html + "</tr>\n";
}

/// A cell of the table of candidates; on a phone it is a line "label … value", left out where there is no value.
std::string cell(const char* label, const std::string& html, bool number) {
  return fmt::format(R"(<td data-label="{}" class="{}{}"><span>{}</span></td>)", label, number ? "number" : "short",
                     html == kNothing ? " nothing" : "", html);
}

std::string candidate_details(const CandidateRow& row) {
  std::string list;
  const auto line = [&](const char* key, const std::string& value) {
    if (!value.empty() && value != kNothing) list += fmt::format("<dt>{}</dt><dd>{}</dd>", key, escape_html(value));
  };
  line("backend", row.backend_version.empty() ? row.backend : row.backend + " " + row.backend_version);
  line("library", row.vendor_library);
  line("precision asked for", row.requested_precision);
  line("precision that ran", row.ran_precision);
  line("threads", row.threads > 0 ? std::to_string(row.threads) : "");
  for (const auto& [key, value] : row.options) line(escape_html(key).c_str(), value);
  line("latency p90", or_nothing(row.latency_p90, plain_seconds));
  line("latency p99", or_nothing(row.latency_p99, plain_seconds));
  line("throughput", or_nothing(row.throughput, rate));
  line("race", or_nothing(row.race_latency, plain_seconds));
  line("CPU time a call", or_nothing(row.call_cpu_seconds, plain_seconds));
  line("load time", or_nothing(row.load_seconds, plain_seconds));
  line("time to prepare", or_nothing(row.prepare_seconds, plain_seconds));
  line("peak memory", format_bytes(row.peak_memory_bytes));
  if (row.drop) line("relative L2", format_number(row.relative_l2));
  if (row.psnr && std::isfinite(*row.psnr)) line("PSNR", fmt::format("{:.1f} dB", *row.psnr));
  line("drop", row.drop_note);
  if (row.drop && !row.drop_independent) line("samples", "not independent of the calibration");
  line("to reproduce", row.job_directory.empty() ? "" : row.job_directory + "/repro.sh");
  return list.empty() ? "" : "<details><summary>details</summary><dl>" + list + "</dl></details>";
}

std::string candidate_row(const Report& report, const CandidateRow& row) {
  const bool raced = !row.latency_median && row.race_latency;
  std::string html = row.fate == CandidateFate::kWinner ? "<tr class=\"best\">" : "<tr>";
  html += R"(<td class="whole" data-label="candidate"><span class="name">)" + escape_html(row.name) + "</span>";
  if (!row.techniques.empty())
    html += "<div class=\"techniques\">" + escape_html(join(row.techniques, ", ")) + "</div>";
  html += "</td>";
  html += cell("precision", row.ran_precision.empty() ? kNothing : escape_html(row.ran_precision), false);
  html += cell("latency",
               raced ? "~" + format_seconds(*row.race_latency)
                     : or_nothing(row.latency_median, [](const Figure& f) { return format_seconds(f.value); }),
               true);
  if (row.speedup) {
    html += cell("speed-up", with_interval(row.speedup, ratio), true);
  } else {
    html +=
        cell("speed-up",
             or_nothing(shown_speedup(report, row), [](const ShownSpeedup& s) { return "~" + format_ratio(s.value); }),
             true);
  }
  html += cell("drop", or_nothing(row.drop, [](const Figure& f) { return escape_html(format_drop(f.value)); }), true);
  html += cell("size", format_bytes(row.model_bytes), true);
  html += fmt::format(R"(<td class="whole" data-label="fate"><span class="fate {}">{}</span> {}{}</td></tr>)",
                      fate_class(row.fate), fate_name(row.fate), escape_html(row.reason), candidate_details(row));
  return html + "\n";
}

}  // namespace

std::string result_section(const Report& report) {
  const CandidateRow& original = report.original;
  const CandidateRow& best = winner_or_original(report);
  const bool kept = &best == &original;
  const auto backend = [](const CandidateRow& row) {
    const std::string name = row.backend_version.empty() ? row.backend : row.backend + " " + row.backend_version;
    return name.empty() ? kNothing : escape_html(name);
  };
  const auto row_of = [&](const char* label, const std::string& before, const std::string& after,
                          const std::string& gain) { return result_row(label, before, after, gain, kept); };
  std::string rows = row_of("backend", backend(original), backend(best), "");
  std::string gain = with_interval(best.speedup, ratio);
  rows += row_of("latency, median", with_interval(original.latency_median, seconds),
                 with_interval(best.latency_median, seconds), best.speedup ? gain + " faster" : "");
  const auto tail = [&](const char* label, const std::optional<Figure>& before, const std::optional<Figure>& after) {
    rows += row_of(label, with_interval(before, seconds), with_interval(after, seconds),
                   before && after ? change(before->value, after->value, "faster", "slower") : "");
  };
  tail("latency, p90", figure(original.latency_p90, original.latency_p90_interval),
       figure(best.latency_p90, best.latency_p90_interval));
  tail("latency, p99", figure(original.latency_p99, original.latency_p99_interval),
       figure(best.latency_p99, best.latency_p99_interval));
  rows += row_of("throughput", with_interval(original.throughput, rate), with_interval(best.throughput, rate),
                 original.throughput && best.throughput && original.throughput->value > 0
                     ? format_ratio(best.throughput->value / original.throughput->value)
                     : "");
  rows += row_of("CPU time a call", or_nothing(original.call_cpu_seconds, plain_seconds),
                 or_nothing(best.call_cpu_seconds, plain_seconds),
                 original.call_cpu_seconds && best.call_cpu_seconds
                     ? change(*original.call_cpu_seconds, *best.call_cpu_seconds, "less", "more")
                     : "");
  rows += row_of(
      "model size", format_bytes(original.model_bytes), format_bytes(best.model_bytes),
      change(static_cast<double>(original.model_bytes), static_cast<double>(best.model_bytes), "smaller", "larger"));
  rows += row_of("peak memory", format_bytes(original.peak_memory_bytes), format_bytes(best.peak_memory_bytes),
                 change(static_cast<double>(original.peak_memory_bytes), static_cast<double>(best.peak_memory_bytes),
                        "less", "more"));
  rows += row_of("metric drop", "0", with_interval(best.drop, drop),
                 report.budget ? format_number(*report.budget) + " allowed" : "full precision only");
  rows +=
      row_of("techniques", kNothing, best.techniques.empty() ? kNothing : escape_html(join(best.techniques, ", ")), "");
  std::string head = "<th></th><th>original</th>";
  if (!kept) head += "<th>optimized</th><th>improvement</th>";
  std::string how = "Small print: 95 % intervals.";
  if (!report.original_settings.empty()) how += " The original runs with " + report.original_settings + ".";
  return section("Result", how,
                 "<table class=\"result\"><thead><tr>" + head + "</tr></thead><tbody>\n" + rows + "</tbody></table>");
}

std::string candidates_section(const Report& report) {
  if (report.candidates.empty()) return {};
  std::string rows;
  for (const std::size_t i : listing_order(report)) rows += candidate_row(report, report.candidates[i]);
  return section("All candidates",
                 "Every one that was planned, with what became of it and why. ~ marks figures from the race.",
                 "<table class=\"candidates\"><thead><tr><th class=\"first\">candidate</th><th>precision</th><th "
                 "class=\"number\">latency</th>"
                 "<th class=\"number\">speed-up</th><th class=\"number\">drop</th><th class=\"number\">size</th>"
                 "<th>fate and reason</th></tr></thead><tbody>\n" +
                     rows + "</tbody></table>");
}

}  // namespace speedster::report
