// Precision layer by layer: the plot, and the section around it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/html_sections.h"
#include "report/html_text.h"
#include "report/plot.h"
#include "report/text.h"

namespace speedster::report {
namespace {

// What lies further below the worst layer than this is drawn as the lowest bar.
constexpr double kDecades = 4;
constexpr std::size_t kMostRows = 1000;

std::string describe(const PrecisionMap& map, const PrecisionLayer& layer) {
  std::string text =
      layer.name + ": " + (layer.given_back ? map.rest : std::string("int8")) + ", alone in int8 it loses ";
  text += std::isfinite(layer.loses) ? format_number(layer.loses) + " (relative L2)" : std::string("everything");
  if (!layer.measured_alone) text += ", estimated from its group";
  if (layer.seconds > 0) text += ", " + format_seconds(layer.seconds) + " in fp32";
  return text;
}

std::string summary(const PrecisionMap& map) {
  const auto back = std::ranges::count_if(map.layers, &PrecisionLayer::given_back);
  std::string trials;
  for (const PrecisionTrial& trial : map.trials)
    trials += fmt::format("{}{} back: {}{}", trials.empty() ? "" : "; ", trial.given_back, format_drop(trial.drop),
                          trial.holds ? ", holds" : "");
  const std::string whole = fmt::format("{} loses {} with all of its {} layers in int8", map.base,
                                        format_drop(map.base_drop), map.layers.size());
  const std::string tried = trials.empty() ? "" : " Trials of whole models: " + trials + ".";
  if (map.candidate.empty()) return whole + "; no trial held the budget." + tried;
  return fmt::format("{}; {} gives {} of them back to {} and loses {}.{}", whole, map.candidate, back, map.rest,
                     map.drop ? format_drop(*map.drop) : kNothing, tried);
}

std::string table(const PrecisionMap& map) {
  std::string rows;
  for (std::size_t i = 0; i < std::min(map.layers.size(), kMostRows); ++i) {
    const PrecisionLayer& layer = map.layers[i];
    rows += fmt::format(
        R"(<tr><td>{}</td><td class="number">{}</td><td>{}</td><td class="number">{}{}</td><td class="number">{}</td></tr>)",
        escape_html(printable(layer.name)), layer.group + 1, escape_html(layer.given_back ? map.rest : "int8"),
        layer.measured_alone ? "" : "~", format_number(layer.loses),
        layer.seconds > 0 ? format_seconds(layer.seconds) : kNothing);
  }
  const std::string more =
      map.layers.size() > kMostRows
          ? fmt::format("<p class=\"muted\">and {} more, in the JSON</p>", map.layers.size() - kMostRows)
          : "";
  return "<details><summary>every layer</summary><table><thead><tr><th>layer</th><th class=\"number\">group</th>"
         "<th>precision</th><th class=\"number\">loses alone</th><th class=\"number\">in "
         "fp32</th></tr></thead><tbody>" +
         rows + "</tbody></table>" + more + "</details>";
}

}  // namespace

std::string layer_plot(const PrecisionMap& map, const PlotSize& size) {
  if (map.layers.empty()) return {};
  const double left = 14, right = size.width - 14, top = 22, bottom = 140, height = bottom + 26;
  double seconds = 0, worst = 0;
  for (const PrecisionLayer& layer : map.layers) {
    seconds += std::max(layer.seconds, 0.0);
    if (std::isfinite(layer.loses)) worst = std::max(worst, layer.loses);
  }
  const double count = static_cast<double>(map.layers.size());
  // A layer whose time is short or not known still gets a bar that can be seen.
  const auto width_of = [&](const PrecisionLayer& layer) {
    return 0.3 / count + (seconds > 0 ? 0.7 * std::max(layer.seconds, 0.0) / seconds : 0.7 / count);
  };
  const auto height_of = [&](const PrecisionLayer& layer) {
    if (!std::isfinite(layer.loses)) return 1.0;
    if (!(layer.loses > 0) || !(worst > 0)) return 0.03;
    return std::clamp(1 + std::log10(layer.loses / worst) / kDecades, 0.03, 1.0);
  };
  std::string svg = fmt::format(
      R"(<svg class="{}" viewBox="0 0 {} {:.0f}" role="img" aria-label="What each layer loses, and its precision">)",
      size.narrow ? "narrow" : "wide", size.width, height);
  svg += fmt::format(R"(<text class="axis" x="{:.1f}" y="14">loses alone (logarithm) ↑</text>)", left);
  double x = left;
  for (const PrecisionLayer& layer : map.layers) {
    const double width = width_of(layer) * (right - left), bar = height_of(layer) * (bottom - top);
    svg += fmt::format(
        R"(<rect class="layer{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>)",
        layer.given_back ? " back" : "", x, bottom - bar, std::max(width - 0.6, 0.4), bar,
        escape_html(printable(describe(map, layer))));
    x += width;
  }
  svg += fmt::format(
      R"(<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="middle">layers from input to output, as wide as their time</text>)",
      (left + right) / 2, height - 6);
  return svg + "</svg>";
}

std::string precision_section(const Report& report) {
  std::string body;
  for (const PrecisionMap& map : report.precision_maps)
    body += "<p>" + escape_html(printable(summary(map))) + "</p>" + layer_plot(map, kWidePlot) +
            layer_plot(map, kNarrowPlot) + table(map);
  return section("Precision, layer by layer",
                 "Layers that went back to higher precision are marked. What a layer loses alone is the relative L2 "
                 "difference of the outputs with that layer in int8 and all others in fp32; ~ is a share of what its "
                 "group of like layers loses.",
                 body);
}

}  // namespace speedster::report
