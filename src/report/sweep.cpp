#include "report/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "report/axis.h"
#include "report/format.h"
#include "report/html_sections.h"
#include "report/html_text.h"
#include "report/labels.h"
#include "report/text.h"

namespace speedster::report {
namespace {

/// Columns of the table and of the page: heading and cell.
constexpr std::array<const char*, 9> kHeadings = {"batch",    "callers",     "latency",       "p90", "p99",
                                                  "CPU time", "peak memory", "rows a second", ""};

std::string batch_of(const SweepRow& row) { return row.batch > 0 ? std::to_string(row.batch) : "mixed"; }

std::array<std::string, 9> cells(const SweepRow& row, bool front) {
  std::array<std::string, 9> cells = {batch_of(row), std::to_string(row.concurrency)};
  if (!row.error.empty()) {
    cells[2] = "failed";
    return cells;
  }
  const auto seconds = [](double value) { return format_seconds(value); };
  cells[2] = format_seconds(row.latency);
  cells[3] = or_nothing(row.p90, seconds);
  cells[4] = or_nothing(row.p99, seconds);
  cells[5] = format_seconds(row.call_cpu_seconds);
  cells[6] = format_bytes(row.peak_memory);
  cells[7] = format_number(row.rows_per_second);
  cells[8] = front ? "front" : "";
  return cells;
}

/// A side's marker, and the class of the same colour for its lines.
Marker marker_of_side(std::size_t side) { return side == 0 ? Marker::kQualified : Marker::kExcluded; }
const char* series_class(std::size_t side) { return side == 0 ? "qualified" : "excluded"; }

std::string point_label(const SweepRow& row) { return batch_of(row) + " × " + std::to_string(row.concurrency); }

}  // namespace

std::vector<bool> on_sweep_front(const SweepView& view) {
  std::vector<bool> front;
  for (const SweepRow& row : view.rows)
    front.push_back(row.error.empty() && std::ranges::none_of(view.rows, [&](const SweepRow& other) {
                      const bool as_good =
                          other.latency.value <= row.latency.value && other.rows_per_second >= row.rows_per_second;
                      const bool better =
                          other.latency.value < row.latency.value || other.rows_per_second > row.rows_per_second;
                      return other.error.empty() && other.side == row.side && as_good && better;
                    }));
  return front;
}

std::string sweep_table(const SweepView& view) {
  const std::vector<bool> front = on_sweep_front(view);
  std::string text;
  for (std::size_t side = 0; side < view.sides.size(); ++side) {
    std::vector<std::array<std::string, 9>> rows;
    rows.push_back({});
    std::ranges::copy(kHeadings, rows[0].begin());
    std::vector<std::string> errors = {""};
    for (std::size_t i = 0; i < view.rows.size(); ++i) {
      if (view.rows[i].side != side) continue;
      rows.push_back(cells(view.rows[i], front[i]));
      errors.push_back(view.rows[i].error);
    }
    text += (side > 0 ? "\n" : "") + printable(view.sides[side]) + "\n";
    std::array<int, 9> widths{};
    for (const auto& row : rows)
      for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], display_width(row[c]));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::string line;
      for (std::size_t c = 0; c < rows[r].size(); ++c)
        line += "  " + pad(rows[r][c], widths[c], c == 8 ? Align::kLeft : Align::kRight);
      const std::size_t end = line.find_last_not_of(' ');
      text += line.substr(0, end == std::string::npos ? 0 : end + 1) + "\n";
      if (!errors[r].empty()) text += "      " + printable(errors[r]) + "\n";
    }
  }
  text += "\n" + printable(view.conditions) + "\n";
  for (const std::string& note : view.notes) text += printable(note) + "\n";
  return text;
}

std::string sweep_plot(const SweepView& view, const PlotSize& size) {
  std::vector<const SweepRow*> rows;
  for (const SweepRow& row : view.rows)
    if (row.error.empty() && row.latency.value > 0 && row.rows_per_second > 0) rows.push_back(&row);
  if (rows.empty()) return {};
  const auto [fastest, slowest] = std::ranges::minmax(rows, {}, [](const SweepRow* row) { return row->latency.value; });
  const auto [least, most] = std::ranges::minmax(rows, {}, [](const SweepRow* row) { return row->rows_per_second; });

  const double left = size.narrow ? 62 : 72, right = size.width - (size.narrow ? 10 : 16), top = 16;
  const double height = size.narrow ? 360 : 420, bottom = height - 48;
  const auto padded = [&](double low, double high, double begin, double end) {
    const double pad = std::max(1.15, std::pow(high / low, 0.1));
    return LogAxis{low / pad, high * pad, begin, end};
  };
  const LogAxis x = padded(fastest->latency.value, slowest->latency.value, left, right);
  const LogAxis y = padded(least->rows_per_second, most->rows_per_second, bottom, top);

  std::string svg = fmt::format(
      R"(<svg class="{}" viewBox="0 0 {} {:.0f}" role="img" aria-label="Throughput against latency of all points">)",
      size.narrow ? "narrow" : "wide", size.width, height);
  svg += latency_axis(x, top, bottom);
  for (const double tick : log_ticks(y, 34)) {
    svg += fmt::format(R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{2:.1f}" y2="{1:.1f}"/>)", left, y.at(tick),
                       right);
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", left - 7,
                       y.at(tick) + 4, format_number(tick));
  }
  svg += fmt::format(
      R"svg(<text class="axis" transform="translate({:.1f},{:.1f}) rotate(-90)" text-anchor="middle">rows a second · more →</text>)svg",
      size.narrow ? 10.0 : 14.0, (top + bottom) / 2);

  std::set<std::pair<std::size_t, int>> series;
  for (const SweepRow* row : rows) series.emplace(row->side, row->concurrency);
  Labels labels({left + 2, top, right - 2, bottom});
  for (const SweepRow* row : rows) labels.keep_off(x.at(row->latency.value), y.at(row->rows_per_second));
  for (const auto& [side, concurrency] : series) {
    std::string path;
    for (const SweepRow* row : rows) {
      if (row->side != side || row->concurrency != concurrency) continue;
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "M" : "L", x.at(row->latency.value),
                          y.at(row->rows_per_second));
    }
    svg += fmt::format(R"(<path class="series {}" d="{}"/>)", series_class(side), path);
  }
  for (const SweepRow* row : rows)
    svg +=
        draw_marker(marker_of_side(row->side), x.at(row->latency.value), y.at(row->rows_per_second), false,
                    fmt::format("{}\nbatch {}, {} callers\n{}, {} rows a second", view.sides[row->side], batch_of(*row),
                                row->concurrency, format_seconds(row->latency), format_number(row->rows_per_second)));
  for (const SweepRow* row : rows)
    svg += labels.place(x.at(row->latency.value), y.at(row->rows_per_second), point_label(*row), "");
  return svg + "</svg>";
}

std::string sweep_html(const SweepView& view) {
  std::string legend;
  for (std::size_t side = 0; side < view.sides.size(); ++side)
    legend += R"(<li><svg viewBox="0 0 20 20" aria-hidden="true">)" +
              draw_marker(marker_of_side(side), 10, 10, false, "") + "</svg>" + escape_html(view.sides[side]) + "</li>";
  std::string plot = sweep_plot(view, kWidePlot) + sweep_plot(view, kNarrowPlot);
  if (!plot.empty()) plot += R"(<ul class="legend">)" + legend + "</ul>";

  const std::vector<bool> front = on_sweep_front(view);
  std::string tables;
  for (std::size_t side = 0; side < view.sides.size(); ++side) {
    std::string table = R"(<table class="candidates"><thead><tr>)";
    for (std::size_t c = 0; c < kHeadings.size(); ++c)
      table += fmt::format("<th{}>{}</th>", c < 8 ? R"( class="number")" : "", kHeadings[c]);
    table += "</tr></thead><tbody>";
    for (std::size_t i = 0; i < view.rows.size(); ++i) {
      const SweepRow& row = view.rows[i];
      if (row.side != side) continue;
      const auto cell = cells(row, front[i]);
      table += front[i] ? R"(<tr class="best">)" : "<tr>";
      for (std::size_t c = 0; c < cell.size(); ++c)
        if (row.error.empty() || c < 2)
          table += fmt::format(R"(<td class="{}{}" data-label="{}">{}</td>)", c < 8 ? "number" : "short",
                               cell[c].empty() ? " nothing" : "", kHeadings[c], escape_html(cell[c]));
      if (!row.error.empty()) table += R"(<td class="whole" colspan="7">)" + escape_html(row.error) + "</td>";
      table += "</tr>";
    }
    tables += section(view.sides[side],
                      side == 0 ? "Tinted rows: no other batch size or number of callers is both "
                                  "faster for each call and gives more rows a second."
                                : "",
                      table + "</tbody></table>");
  }
  std::string body =
      "<header><div class=\"kicker\">Speedster bench</div>\n<h1>Batch sizes and callers</h1>\n"
      "<p class=\"lead\">" +
      escape_html(view.conditions) + "</p></header>\n";
  for (const std::string& note : view.notes) body += "<p class=\"warning\">" + escape_html(note) + "</p>\n";
  body += section("Throughput against latency",
                  "Up and to the left is better. Each point is batch × callers; a line joins the batch sizes of one "
                  "number of callers. Point at a mark for its figures.",
                  plot);
  return page("Batch sizes and callers · Speedster bench", body + tables, "The same figures as JSON: bench --json.");
}

}  // namespace speedster::report
