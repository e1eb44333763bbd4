// Confirmed speed-ups with their intervals, one row each, and the markers that both plots share.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/axis.h"
#include "report/fate.h"
#include "report/format.h"
#include "report/html_text.h"
#include "report/plot.h"
#include "report/text.h"

namespace speedster::report {

Marker marker_of(CandidateFate fate) {
  if (fate == CandidateFate::kWinner) return Marker::kWinner;
  return qualified(fate) ? Marker::kQualified : Marker::kExcluded;
}

std::string draw_marker(Marker marker, double x, double y, bool hollow, const std::string& title) {
  const std::string head = fmt::format(R"(<g class="marker {}{}">)",
                                       marker == Marker::kOriginal    ? "original"
                                       : marker == Marker::kWinner    ? "winner"
                                       : marker == Marker::kQualified ? "qualified"
                                                                      : "excluded",
                                       hollow ? " hollow" : "");
  std::string shape;
  switch (marker) {
    case Marker::kOriginal: shape = fmt::format(R"(<path d="M{:.1f},{:.1f}l7,7l-7,7l-7,-7z"/>)", x, y - 7); break;
    case Marker::kWinner:
      shape = fmt::format(
          R"(<circle class="ring" cx="{0:.1f}" cy="{1:.1f}" r="9.5"/><circle cx="{0:.1f}" cy="{1:.1f}" r="5.5"/>)", x,
          y);
      break;
    case Marker::kQualified: shape = fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="5"/>)", x, y); break;
    case Marker::kExcluded: shape = fmt::format(R"(<path d="M{:.1f},{:.1f}l6,10.5h-12z"/>)", x, y - 6); break;
  }
  return head + (title.empty() ? "" : "<title>" + escape_html(title) + "</title>") + shape + "</g>";
}

std::string forest_plot(const Report& report, const PlotSize& size) {
  std::vector<const CandidateRow*> rows;
  for (const CandidateRow& row : report.candidates)
    if (row.speedup && std::isfinite(row.speedup->value) && row.speedup->value > 0) rows.push_back(&row);
  if (rows.empty()) return {};
  std::stable_sort(rows.begin(), rows.end(),
                   [](const CandidateRow* a, const CandidateRow* b) { return a->speedup->value > b->speedup->value; });

  double low = 1, high = 1;
  for (const CandidateRow* row : rows) {
    low = std::min({low, row->speedup->value, row->speedup->low.value_or(low)});
    high = std::max({high, row->speedup->value, row->speedup->high.value_or(high)});
  }
  const double margin = std::max(0.02, (high - low) * 0.06);
  low = std::max(0.0, low - margin);
  high += margin;

  // A narrow page has the name and the figure above the bar, a wide one beside it.
  const double row_height = size.narrow ? 46 : 30, top = 8;
  const double left = size.narrow ? 14 : 250, right = size.width - (size.narrow ? 14 : 170);
  const double bottom = top + row_height * static_cast<double>(rows.size()) + 6, height = bottom + 42;
  const auto x_of = [&](double value) {
    return left + (right - left) * (std::clamp(value, low, high) - low) / (high - low);
  };

  std::string svg = fmt::format(
      R"(<svg class="{}" viewBox="0 0 {} {:.0f}" role="img" aria-label="Confirmed speed-ups with 95 % intervals">)",
      size.narrow ? "narrow" : "wide", size.width, height);
  for (const double tick : linear_ticks(low, high, size.narrow ? 5 : 8)) {
    svg += fmt::format(R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)", x_of(tick), top,
                       bottom);
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{:.3g}×</text>)", x_of(tick),
                       bottom + 16, tick);
  }
  svg += fmt::format(R"(<line class="reference" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)", x_of(1), top,
                     bottom);
  svg += fmt::format(
      R"(<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="middle">speed-up over the original (1×) · faster →</text>)",
      (left + right) / 2, height - 6);

  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CandidateRow& row = *rows[i];
    const Figure& speedup = *row.speedup;
    const double begin = top + row_height * static_cast<double>(i);
    const double middle = size.narrow ? begin + 33 : begin + row_height / 2;
    const bool winner = row.fate == CandidateFate::kWinner;
    const std::string name = escape_html(elide(printable(row.name), size.narrow ? 28 : 36));
    const char* css = winner ? "label winner-text" : "label";
    const std::string figure = format_ratio(speedup);
    if (size.narrow) {
      svg += fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)", css, left, begin + 17, name);
      svg += fmt::format(R"(<text class="figure" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", right, begin + 17,
                         figure);
    } else {
      svg += fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", css, left - 14,
                         middle + 4, name);
      svg += fmt::format(R"(<text class="figure" x="{:.1f}" y="{:.1f}">{}</text>)", right + 14, middle + 4, figure);
    }
    svg += fmt::format(R"(<g class="interval {}"><title>{}</title>)", winner ? "winner" : "qualified",
                       escape_html(row.name + ": " + figure + ", " + fate_name(row.fate)));
    if (speedup.low && speedup.high)
      svg += fmt::format(R"(<path d="M{0:.1f},{2:.1f}H{1:.1f}M{0:.1f},{3:.1f}v8M{1:.1f},{3:.1f}v8"/>)",
                         x_of(*speedup.low), x_of(*speedup.high), middle, middle - 4);
    svg +=
        fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="8" height="8"/></g>)", x_of(speedup.value) - 4, middle - 4);
  }
  return svg + "</svg>";
}

}  // namespace speedster::report
