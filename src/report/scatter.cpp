// Accuracy against latency. Both axes are logarithmic; a strip at the foot of the plot holds drops of zero and below.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/axis.h"
#include "report/fate.h"
#include "report/format.h"
#include "report/html_text.h"
#include "report/labels.h"
#include "report/plot.h"
#include "report/text.h"

namespace speedster::report {
namespace {

struct Point {
  const CandidateRow* row = nullptr;
  Marker marker = Marker::kQualified;
  double latency = 0, drop = 0, x = 0, y = 0;
  bool hollow = false;
};

std::string title_of(const Point& point) {
  const CandidateRow& row = *point.row;
  std::string title = row.name + "\n" + format_seconds(point.latency) + (point.hollow ? " (race)" : " (median)") +
                      ", drop " + format_drop(point.drop);
  if (row.speedup) title += "\nspeed-up " + format_ratio(*row.speedup);
  if (point.marker != Marker::kOriginal) title += std::string("\n") + fate_name(row.fate);
  if (!row.reason.empty()) title += ": " + row.reason;
  return title;
}

std::vector<Point> points_of(const Report& report) {
  std::vector<Point> points;
  const auto add = [&](const CandidateRow& row, Marker marker, double drop) {
    const std::optional<double> latency = shown_latency(row);
    if (latency && *latency > 0 && std::isfinite(*latency) && std::isfinite(drop))
      points.push_back({&row, marker, *latency, drop, 0, 0, !row.latency_median});
  };
  // Drawn in this order, so that the winner and the original lie on top.
  for (const CandidateRow& row : report.candidates)
    if (row.drop && row.fate != CandidateFate::kWinner) add(row, marker_of(row.fate), row.drop->value);
  for (const CandidateRow& row : report.candidates)
    if (row.drop && row.fate == CandidateFate::kWinner) add(row, Marker::kWinner, row.drop->value);
  add(report.original, Marker::kOriginal, 0);
  return points;
}

}  // namespace

std::string scatter_plot(const Report& report, const PlotSize& size) {
  std::vector<Point> points = points_of(report);
  if (points.empty()) return {};
  const double budget = report.budget.value_or(0);

  // Data ranges.
  double fastest = points[0].latency, slowest = fastest, least = 1e300, most = budget > 0 ? budget : 0;
  for (const Point& p : points) {
    fastest = std::min(fastest, p.latency);
    slowest = std::max(slowest, p.latency);
    if (p.drop > 0) least = std::min(least, p.drop);
    most = std::max(most, p.drop);
  }
  if (budget > 0) least = std::min(least, budget / 10);
  if (most <= 0) most = 1e-2, least = 1e-6;
  least = std::max(std::pow(10.0, std::floor(std::log10(std::max(least, 1e-12)))), 1e-9);
  most = std::max(most * 2, least * 10);

  // Geometry: the strip for zero lies between `floor` and `bottom`.
  const double left = size.narrow ? 62 : 72, right = size.width - (size.narrow ? 10 : 16), top = 16;
  const double height = size.narrow ? 380 : 440, bottom = height - 48, floor = bottom - 34;
  const double pad = std::max(1.12, std::pow(slowest / fastest, size.narrow ? 0.12 : 0.08));
  const LogAxis x{fastest / pad, slowest * pad, left, right};
  const LogAxis y{least, most, floor, top};
  const auto y_of = [&](double drop) { return drop < least ? (floor + bottom) / 2 : y.at(drop); };
  for (Point& p : points) p.x = x.at(p.latency), p.y = y_of(p.drop);

  std::string svg = fmt::format(
      R"(<svg class="{}" viewBox="0 0 {} {:.0f}" role="img" aria-label="Metric drop against latency of all candidates">)",
      size.narrow ? "narrow" : "wide", size.width, height);
  svg += fmt::format(R"(<rect class="zero" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", left, floor,
                     right - left, bottom - floor);
  if (budget > 0)
    svg += fmt::format(R"(<rect class="beyond" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", left, top,
                       right - left, y.at(budget) - top);

  // Grid, ticks and titles of the axes.
  svg += latency_axis(x, top, bottom);
  for (const double tick : decade_ticks(y.low, y.high, 6)) {
    svg += fmt::format(R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{2:.1f}" y2="{1:.1f}"/>)", left, y.at(tick),
                       right);
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", left - 7,
                       y.at(tick) + (tick == y.low ? -1 : 4),
                       tick < 1e-3 ? fmt::format("{:.0e}", tick) : format_number(tick));
  }
  svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">≤ 0</text>)", left - 7,
                     (floor + bottom) / 2 + 5);
  svg += fmt::format(
      R"svg(<text class="axis" transform="translate({:.1f},{:.1f}) rotate(-90)" text-anchor="middle">← better · drop in {}</text>)svg",
      size.narrow ? 10.0 : 14.0, (top + bottom) / 2, escape_html(elide(printable(report.metric), 28)));

  // The original's time and the budget.
  const double original = shown_latency(report.original).value_or(0);
  if (original > 0)
    svg += fmt::format(R"(<line class="reference" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)",
                       x.at(original), top, bottom);
  if (budget > 0) {
    svg += fmt::format(R"(<line class="budget" x1="{0:.1f}" y1="{1:.1f}" x2="{2:.1f}" y2="{1:.1f}"/>)", left,
                       y.at(budget), right);
    svg += fmt::format(R"(<text class="label budget-text" x="{:.1f}" y="{:.1f}" text-anchor="end">budget {}</text>)",
                       right - 4, y.at(budget) - 5, format_number(budget));
  }

  // The front: a staircase through the candidates that nothing beats in both.
  std::vector<const Point*> front;
  for (const Point& p : points)
    if (p.row->on_front) front.push_back(&p);
  std::sort(front.begin(), front.end(), [](const Point* a, const Point* b) { return a->x < b->x; });
  if (front.size() > 1) {
    svg += R"(<path class="front" d=")";
    for (std::size_t i = 0; i < front.size(); ++i)
      svg += i == 0 ? fmt::format("M{:.1f},{:.1f}", front[i]->x, front[i]->y)
                    : fmt::format("H{:.1f}V{:.1f}", front[i]->x, front[i]->y);
    svg += R"("/>)";
  }

  for (const Point& p : points) svg += draw_marker(p.marker, p.x, p.y, p.hollow, title_of(p));

  Labels labels({left + 2, top, right - 2, bottom});
  for (const Point& p : points) labels.keep_off(p.x, p.y);
  for (std::size_t i = 1; i < front.size(); ++i) {
    labels.keep_off(front[i - 1]->x, front[i - 1]->y, front[i]->x, front[i - 1]->y);
    labels.keep_off(front[i]->x, front[i - 1]->y, front[i]->x, front[i]->y);
  }
  if (original > 0) labels.keep_off(x.at(original), top, x.at(original), floor);
  if (budget > 0) labels.keep_off(left, y.at(budget), right, y.at(budget));
  const int longest = size.narrow ? 20 : 36;
  for (const Point& p : points)
    if (p.marker == Marker::kOriginal)
      svg += labels.place(p.x, p.y, "original", "");
    else if (p.marker == Marker::kWinner)
      svg += labels.place(p.x, p.y, elide(printable(p.row->name), longest), "winner-text");
  for (const Point* p : front)
    if (p->marker != Marker::kOriginal && p->marker != Marker::kWinner)
      svg += labels.place(p->x, p->y, elide(printable(p->row->name), longest), "");
  return svg + "</svg>";
}

}  // namespace speedster::report
