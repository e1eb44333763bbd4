#include "report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.h"

namespace speedster::report {

double LogAxis::at(double value) const {
  const double clamped = std::clamp(value, low, high);
  return begin + (end - begin) * std::log(clamped / low) / std::log(high / low);
}

std::vector<double> log_ticks(const LogAxis& axis, double apart) {
  static const std::vector<double> kDigits[] = {
      {1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9}, {1, 1.5, 2, 3, 4, 5, 7}, {1, 2, 3, 5}, {1, 2, 5}, {1, 3}};
  const double low = axis.low, high = axis.high, pixels = std::fabs(axis.end - axis.begin);
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  const int most = std::max(2, static_cast<int>(pixels / apart));
  for (const std::vector<double>& digits : kDigits) {
    std::vector<double> ticks;
    bool crowded = false;
    for (int k = first; k <= last; ++k)
      for (const double digit : digits) {
        const double tick = digit * std::pow(10.0, k);
        if (tick < low * 0.999 || tick > high * 1.001) continue;
        crowded = crowded || (!ticks.empty() && std::fabs(axis.at(tick) - axis.at(ticks.back())) < apart);
        ticks.push_back(tick);
      }
    // Between two neighbouring round values there is nothing to choose from: even steps then.
    if (ticks.size() < 2) return linear_ticks(low, high, most);
    if (!crowded) return ticks;
  }
  return decade_ticks(low, high, most);
}

std::vector<double> decade_ticks(double low, double high, int most) {
  const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
  const int step = std::max(1, (last - first + most) / std::max(1, most));
  std::vector<double> ticks;
  for (int k = first; k <= last; k += step) ticks.push_back(std::pow(10.0, k));
  return ticks;
}

std::vector<double> linear_ticks(double low, double high, int most) {
  if (!(high > low)) return {low};
  const double least = (high - low) / std::max(1, most);
  const double decade = std::pow(10.0, std::floor(std::log10(least)));
  double step = 10 * decade;
  for (const double digit : {1.0, 2.0, 2.5, 5.0})
    if (digit * decade >= least * 0.999) {
      step = digit * decade;
      break;
    }
  std::vector<double> ticks;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); ++k) ticks.push_back(k * step);
  return ticks;
}

std::string latency_axis(const LogAxis& x, double top, double bottom) {
  std::string svg;
  for (const double tick : log_ticks(x, 52)) {
    svg += fmt::format(R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)", x.at(tick), top,
                       bottom);
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", x.at(tick),
                       bottom + 18, format_tick_seconds(tick));
  }
  return svg +
         fmt::format(
             R"(<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="middle">← faster · latency of one call</text>)",
             (x.begin + x.end) / 2, bottom + 40);
}

}  // namespace speedster::report
