// The page: header, the figures that matter, the plots; html_sections.h has the rest.
#include <fmt/format.h>
#include <speedster/report.h>

#include <cmath>

#include "report/fate.h"
#include "report/format.h"
#include "report/html_sections.h"
#include "report/html_text.h"
#include "report/plot.h"

namespace speedster {
namespace {

using report::escape_html;

std::string file_name(const std::string& path) {
  const std::size_t slash = path.find_last_not_of('/') == std::string::npos ? std::string::npos : path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.empty() ? path : name;
}

std::string tile(std::string_view value, std::string_view label, bool main = false) {
  return fmt::format(R"(<div class="tile{}"><b>{}</b><span>{}</span></div>)", main ? " main" : "", escape_html(value),
                     escape_html(label));
}

std::string tiles(const Report& report) {
  const CandidateRow& best = report::winner_or_original(report);
  const bool kept = &best == &report.original;
  std::string html;
  if (!kept && best.speedup) {
    std::string label = "as fast as the original";
    if (best.speedup->low && best.speedup->high)
      label = fmt::format("speed-up, 95 %: {:.3g} to {:.3g}", *best.speedup->low, *best.speedup->high);
    html += tile(report::format_ratio(best.speedup->value), label, true);
  }
  if (best.latency_median)
    html += tile(report::format_seconds(best.latency_median->value),
                 kept || !report.original.latency_median
                     ? "median latency"
                     : "median latency, was " + report::format_seconds(report.original.latency_median->value));
  if (!kept && best.drop)
    html += tile(report::format_drop(best.drop->value),
                 "drop in " + report.metric +
                     (report.budget && *report.budget > 0 ? " of " + report::format_number(*report.budget) : ""));
  if (best.model_bytes > 0)
    html += tile(report::format_bytes(best.model_bytes),
                 kept || report.original.model_bytes == 0
                     ? "model size"
                     : "model size, was " + report::format_bytes(report.original.model_bytes));
  if (best.peak_memory_bytes > 0)
    html += tile(report::format_bytes(best.peak_memory_bytes),
                 kept || report.original.peak_memory_bytes == 0
                     ? "peak memory"
                     : "peak memory, was " + report::format_bytes(report.original.peak_memory_bytes));
  return html.empty() ? "" : "<div class=\"tiles\">" + html + "</div>\n";
}

std::string warnings(const Report& report) {
  std::string html;
  const auto warn = [&](const std::string& text) { html += "<p class=\"warning\">" + escape_html(text) + "</p>\n"; };
  if (report.undecided)
    warn(
        "Undecided: the measurements do not separate the winner from another candidate, or from the original, with the "
        "confidence asked for. The fastest estimate was taken.");
  if (report.machine_busy)
    warn(fmt::format(
        "The machine was busy: {} of {} rounds were dropped. Repeat the search on an idle machine for exact figures.",
        report.dropped_rounds, report.rounds + report.dropped_rounds));
  for (const CornerRow& corner : report.corners)
    if (corner.slower)
      warn("At " + corner.name + " the winner is slower than the original (see Shapes).");
    else if (!corner.error.empty())
      warn("At " + corner.name + ": " + corner.error);
  const CandidateRow& best = report::winner_or_original(report);
  if (&best != &report.original && !best.drop_note.empty()) warn("The winner's drop: " + best.drop_note + ".");
  if (report.samples_random)
    warn("The samples are random: accuracy was not judged, and only full precision could win.");
  for (const std::string& note : report.notes) html += "<p class=\"muted\">" + escape_html(note) + "</p>\n";
  return html;
}

std::string accept_section(const Report& report) {
  if (report.accept_command.empty()) return {};
  std::string text;
  if (report.accept_candidate && *report.accept_candidate < report.candidates.size()) {
    const CandidateRow& row = report.candidates[*report.accept_candidate];
    const bool limited = row.fate == CandidateFate::kOverLimit;
    text = std::string("The fastest candidate ") + (limited ? "above a limit" : "in reduced precision") + " is " +
           row.name;
    if (const auto speedup = report::shown_speedup(report, row))
      text += fmt::format(": {} as fast as the original{}", report::format_ratio(speedup->value),
                          speedup->confirmed ? "" : " in the race");
    if (row.drop) text += ", and loses " + report::format_drop(row.drop->value) + " in " + report.metric;
    if (limited) text += ", " + row.reason;
    text += ". This command accepts it; what was made is in the cache:";
  }
  return report::section(
      "A faster one, if you accept it", "",
      "<p>" + escape_html(text) + "</p><pre><code>" + escape_html(report.accept_command) + "</code></pre>");
}

std::string legend(bool with_front) {
  const auto entry = [](report::Marker marker, bool hollow, std::string_view text) {
    return R"(<li><svg viewBox="0 0 20 20" aria-hidden="true">)" + report::draw_marker(marker, 10, 10, hollow, "") +
           "</svg>" + escape_html(text) + "</li>";
  };
  std::string html = R"(<ul class="legend">)";
  html += entry(report::Marker::kOriginal, false, "original");
  html += entry(report::Marker::kWinner, false, "winner");
  html += entry(report::Marker::kQualified, false, "qualified");
  html += entry(report::Marker::kExcluded, false, "over budget, reduced or not judged");
  html += entry(report::Marker::kQualified, true, "hollow: timed in the race only");
  if (with_front)
    html += R"(<li><svg viewBox="0 0 20 20" aria-hidden="true"><path class="front" d="M1,5H10V15H19"/></svg>)"
            "Pareto front: nothing is both faster and more accurate</li>";
  return html + "</ul>";
}

std::string plots(const Report& report) {
  std::string scatter =
      report::scatter_plot(report, report::kWidePlot) + report::scatter_plot(report, report::kNarrowPlot);
  bool front = false;
  std::size_t missing = 0;
  for (const CandidateRow& row : report.candidates) {
    front = front || row.on_front;
    const auto latency = report::shown_latency(row);
    if (!row.drop || !latency || !std::isfinite(row.drop->value)) ++missing;
  }
  if (!scatter.empty()) scatter += legend(front);
  if (missing > 0 && !scatter.empty())
    scatter += fmt::format(
        R"(<p class="muted">{} of {} candidates have no place here: they were not timed or not judged. The table says why.</p>)",
        missing, report.candidates.size());
  return report::section(
             "Accuracy against latency",
             "Down and to the left is better. Point at a mark for its figures. The dashed vertical line is the "
             "original's latency; what lies above the budget loses more than allowed.",
             scatter) +
         report::section(
             "Confirmation",
             "Speed-ups measured on fresh loads of the saved form, with 95 % intervals. An interval that is wholly "
             "right of 1× is faster than the original with confidence.",
             report::forest_plot(report, report::kWidePlot) + report::forest_plot(report, report::kNarrowPlot));
}

}  // namespace

std::string report_html(const Report& report) {
  const std::string name = escape_html(file_name(report.model));
  std::string html = "<header><div class=\"kicker\">Speedster report · " + escape_html(report.outcome) +
                     "</div>\n<h1>" + name + "</h1>\n<p class=\"lead\">" + escape_html(report::verdict(report)) +
                     "</p></header>\n";
  html += warnings(report);
  html += tiles(report);
  html += report::result_section(report);
  html += accept_section(report);
  html += plots(report);
  html += report::candidates_section(report);
  html += report::precision_section(report);
  html += report::corners_section(report);
  html += report::rewriting_section(report);
  html += report::stages_section(report);
  html += report::machine_section(report);
  html += report::reading_section(report);
  return report::page(name + " · Speedster report", html, "The same data as JSON: report.json in the package.");
}

}  // namespace speedster
