/// Axes of the plots: where a value lies, and which values get a tick.
#pragma once
#include <string>
#include <vector>

namespace speedster::report {

/// A logarithmic axis from `low` to `high` (both positive) over the pixels `begin` to `end`.
struct LogAxis {
  double low = 1, high = 10, begin = 0, end = 1;
  double at(double value) const;  ///< clamped to the axis
};

/// Round values inside the axis that lie at least `apart` pixels from each other: as fine a set of digits × 10^k as
/// fits, else decades.
std::vector<double> log_ticks(const LogAxis& axis, double apart);
/// Decades inside [low, high], every second or third where there would be more than `most`.
std::vector<double> decade_ticks(double low, double high, int most);
/// Multiples of 1, 2, 2.5 or 5 × 10^k inside [low, high], at most `most`.
std::vector<double> linear_ticks(double low, double high, int most);

/// The SVG text of a latency axis in seconds below a plot: grid lines from `top` to `bottom`, figures and title.
std::string latency_axis(const LogAxis& x, double top, double bottom);

}  // namespace speedster::report
