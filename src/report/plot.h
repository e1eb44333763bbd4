/// The report's plots as SVG text. Colours and fonts come from the page's style sheet (html_style.h) by class name;
/// each is drawn once for wide and once for narrow pages, because text in a scaled SVG would become too small to read.
#pragma once
#include <speedster/report.h>

#include <string>

namespace speedster::report {

struct PlotSize {
  int width = 920;
  bool narrow = false;
};
inline constexpr PlotSize kWidePlot{920, false}, kNarrowPlot{360, true};

/// What a marker looks like, for the plot and its legend.
enum class Marker { kOriginal, kWinner, kQualified, kExcluded };
Marker marker_of(CandidateFate fate);
/// A marker around (x, y); hollow where its time is the race's.
std::string draw_marker(Marker marker, double x, double y, bool hollow, const std::string& title);

/// Accuracy against latency: every candidate that was timed and judged, the budget, and the Pareto front.
std::string scatter_plot(const Report& report, const PlotSize& size);
/// Confirmed speed-ups with their 95 % intervals, the fastest first. Empty if nothing was confirmed.
std::string forest_plot(const Report& report, const PlotSize& size);

/// A bar for each layer in the order of the graph: as wide as its share of the time, as high as (the logarithm of) what
/// it loses alone. Empty without layers.
std::string layer_plot(const PrecisionMap& map, const PlotSize& size);

}  // namespace speedster::report
