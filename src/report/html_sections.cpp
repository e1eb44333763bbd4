#include "report/html_sections.h"

#include <fmt/format.h>
#include <speedster/version.h>

#include <algorithm>

#include "base/json.h"
#include "report/fate.h"
#include "report/format.h"
#include "report/html_style.h"
#include "report/html_text.h"

namespace speedster::report {
namespace {

constexpr int kMaxNesting = 6;

/// JSON as nested definition lists: for machine and provenance, whose keys are not ours to know.
std::string definition_list(const Json& json, int nesting = 0) {
  if (json.is_object() && nesting < kMaxNesting) {
    std::string html = "<dl>";
    for (const auto& item : json.items()) {
      std::string key = item.key();
      std::replace(key.begin(), key.end(), '_', ' ');
      html += "<dt>" + escape_html(key) + "</dt><dd>" + definition_list(item.value(), nesting + 1) + "</dd>";
    }
    return html + "</dl>";
  }
  const bool plain =
      json.is_array() && std::none_of(json.begin(), json.end(), [](const Json& v) { return v.is_structured(); });
  if (plain) {
    std::string text;
    for (const Json& value : json)
      text += (text.empty() ? "" : ", ") + (value.is_string() ? value.get<std::string>() : to_text(value));
    return escape_html(text);
  }
  if (json.is_array() && nesting < kMaxNesting) {
    std::string html;
    for (const Json& value : json) html += definition_list(value, nesting + 1);
    return html;
  }
  return escape_html(json.is_string() ? json.get<std::string>() : json.is_null() ? kNothing : to_text(json));
}

std::string json_block(const char* summary, const std::string& text, bool open) {
  const Result<Json> json = parse_json(text.empty() ? "{}" : text, "report");
  if (!json || !json->is_object() || json->empty()) return {};
  return fmt::format("<details{}><summary>{}</summary>{}</details>", open ? " open" : "", summary,
                     definition_list(*json));
}

}  // namespace

std::string page(const std::string& title, const std::string& body, std::string_view footer) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
         // Whatever a model's names try.
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
         "<title>" +
         title + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<main>\n" + body +
         "<footer>Written by Speedster " SPEEDSTER_VERSION_STRING ". " + escape_html(footer) +
         "</footer>\n</main>\n</body>\n</html>\n";
}

std::string section(std::string_view heading, std::string_view how_to_read, const std::string& body) {
  if (body.empty()) return {};
  std::string html = "<section>\n<h2>" + escape_html(heading) + "</h2>\n";
  if (!how_to_read.empty()) html += "<p class=\"muted\">" + escape_html(how_to_read) + "</p>\n";
  return html + body + "\n</section>\n";
}

std::string corners_section(const Report& report) {
  if (report.corners.empty()) return {};
  std::string rows;
  for (const CornerRow& corner : report.corners) {
    std::string ratio = kNothing;
    if (corner.original_seconds && corner.winner_seconds && *corner.winner_seconds > 0)
      ratio = format_ratio(*corner.original_seconds / *corner.winner_seconds);
    const auto seconds = [](double s) { return format_seconds(s); };
    rows += "<tr><td>" + escape_html(corner.name) + "</td>";
    if (!corner.error.empty())
      rows += "<td colspan=\"3\">" + escape_html(corner.error) + "</td></tr>";
    else
      rows += fmt::format(R"(<td class="number">{}</td><td class="number">{}</td><td class="number">{}{}</td></tr>)",
                          or_nothing(corner.original_seconds, seconds), or_nothing(corner.winner_seconds, seconds),
                          ratio, corner.slower ? " (slower)" : "");
  }
  return section("Shapes", "Corners of the declared shapes, each really run, compared and timed.",
                 "<table><thead><tr><th>shape</th><th class=\"number\">original</th><th class=\"number\">winner</th>"
                 "<th class=\"number\">speed-up</th></tr></thead><tbody>" +
                     rows + "</tbody></table>");
}

std::string rewriting_section(const Report& report) {
  if (!report.rewriting) return {};
  const GraphRewriting& rewriting = *report.rewriting;
  if (!rewriting.failed.empty()) return section("Rewriting", "", "<p>" + escape_html(rewriting_line(report)) + "</p>");
  std::string rows;
  for (const RewritePass& pass : rewriting.passes) {
    std::string fate = pass.disabled ? "disabled" : pass.changes == 0 ? "nothing to do" : "kept";
    if (!pass.undone.empty()) fate = "taken back: " + pass.undone;
    const std::string distance = or_nothing(pass.relative_l2, [](double d) { return fmt::format("{:.2g}", d); });
    rows += fmt::format(R"(<tr><td>{}</td><td class="number">{}</td><td class="number">{}</td>)"
                        R"(<td class="number">{}</td><td>{}</td><td>{}</td></tr>)",
                        escape_html(pass.name), pass.changes, format_seconds(pass.seconds + pass.verify_seconds),
                        distance, escape_html(pass.judge.empty() ? kNothing : pass.judge), escape_html(fate));
  }
  return section("Rewriting",
                 fmt::format("Lossless passes over the graph before anything else, each compared with the graph as it "
                             "came: {} nodes became {}, {} of weights {}.",
                             rewriting.nodes_before, rewriting.nodes_after, format_bytes(rewriting.bytes_before),
                             format_bytes(rewriting.bytes_after)),
                 "<table><thead><tr><th>pass</th><th class=\"number\">places</th><th class=\"number\">time</th>"
                 "<th class=\"number\">relative L2</th><th>compared on</th><th>fate</th></tr></thead><tbody>" +
                     rows + "</tbody></table>");
}

std::string stages_section(const Report& report) {
  double total = 0;
  for (const StageTime& stage : report.stages) total += std::max(0.0, stage.seconds);
  std::string body;
  if (total > 0) {
    body = "<div class=\"stages\">";
    for (const StageTime& stage : report.stages) {
      const double share = std::max(0.0, stage.seconds) / total;
      body += fmt::format(
          R"(<span>{}</span><div class="bar" style="width:{:.1f}%"></div><span class="muted">{} · {:.0f} %</span>)",
          escape_html(stage.stage), 100 * share, format_seconds(stage.seconds), 100 * share);
    }
    body += "</div>";
  }
  body += fmt::format(
      "<dl><dt>whole search</dt><dd>{}</dd><dt>candidates</dt><dd>{}</dd><dt>rounds of the race</dt><dd>{}, {} "
      "dropped because others used the machine</dd><dt>noise floor</dt><dd>{:.2f} % between two loads of the "
      "original</dd><dt>samples</dt><dd>{}: {} for calibration, {} for the search, {} for judging</dd>"
      "<dt>memory of the search itself</dt><dd>{}</dd></dl>",
      format_seconds(report.seconds), report.candidates.size(), report.rounds, report.dropped_rounds,
      100 * report.noise_floor, report.samples, report.calibration_samples, report.search_samples,
      report.judging_samples, format_bytes(report.parent_peak_bytes));
  return section("Where the time went", "", body);
}

std::string machine_section(const Report& report) {
  std::string body = json_block("hardware and versions", report.machine_json, true);
  body += json_block("how to repeat it: options and the winning chain", report.provenance_json, false);
  std::string identity = "<dl>";
  const auto line = [&](const char* key, const std::string& value) {
    if (!value.empty()) identity += fmt::format("<dt>{}</dt><dd>{}</dd>", key, escape_html(value));
  };
  line("model", report.model);
  line("model's digest", report.model_digest);
  line("package", report.package);
  line("manifest's SHA-256", report.manifest_sha256);
  line("seed", std::to_string(report.seed));
  return section("Machine and provenance", "Figures hold for this machine and these versions.",
                 body + identity + "</dl>");
}

std::string reading_section(const Report& report) {
  std::string body =
      "<p>A <b>latency</b> is the time of one call of the loaded package, user memory in and out: the median of many "
      "calls. "
      "A <b>speed-up</b> is the original's time over the candidate's, against the faster of two originals, and comes "
      "from the "
      "confirmation only: fresh processes, the saved form, new timings, in alternated rounds. Where a figure is marked "
      "~, it comes "
      "from the race that picked the finalists; the best of many noisy figures flatters, so no claim rests on it.</p>"
      "<p>An <b>interval</b> holds the true value in 95 of 100 such searches. Two candidates are <b>equivalent</b> "
      "when the whole "
      "interval of their ratio is below 2 %; among equivalents the safer one wins: less drop, less memory, a smaller "
      "file.</p>"
      "<p>A <b>drop</b> is what a candidate loses in the metric on samples that calibration never saw; 0 is the "
      "original. "
      "The precision is the one that really ran, as the vendor's executed graph states it, not the one asked "
      "for.</p><dl>";
  for (const FateRow& fate : kFates)
    if (std::any_of(report.candidates.begin(), report.candidates.end(),
                    [&](const CandidateRow& row) { return row.fate == fate.fate; }))
      body += fmt::format("<dt>{}</dt><dd>{}</dd>", fate.name, escape_html(fate.meaning));
  return section("How to read this", "", body + "</dl>");
}

}  // namespace speedster::report
