/// Figures as people read them, the same in the table, the page and the progress line. Three significant digits.
#pragma once
#include <speedster/report.h>

#include <cstdint>
#include <optional>
#include <string>

namespace speedster::report {

inline constexpr const char* kNothing = "—";  ///< where there is no figure

std::string format_number(double value);            ///< "0.000312", "1.2e-07", "12.4", "1540"
std::string format_seconds(double seconds);         ///< "850 ns", "12.3 µs", "5.20 ms", "3.21 s", "2 min 5 s"
std::string format_seconds(const Figure& seconds);  ///< "5.20 ms (5.15–5.26)", both bounds in the value's unit
std::string format_tick_seconds(double seconds);    ///< for axes: "5 ms", "1.5 s"
std::string format_bytes(std::uint64_t bytes);      ///< "10.9 MB"; 0 is "—"
std::string format_ratio(double ratio);             ///< "2.74×"
std::string format_ratio(const Figure& ratio);      ///< "2.74× (2.69–2.79)"
std::string format_rate(double per_second);         ///< "512 /s"
std::string format_rate(const Figure& per_second);  ///< "512 /s (507–516)"
std::string format_drop(double drop);               ///< "0", "0.0003"; infinite is "new NaN or infinity"
std::string format_drop(const Figure& drop);        ///< "0.0021 (-0.0008 to 0.005)"

/// "—" where there is nothing.
template <typename Value, typename Format>
std::string or_nothing(const std::optional<Value>& value, Format format) {
  return value ? format(*value) : std::string(kNothing);
}

/// Confirmed median if there is one, else the race's: for plots and sorting.
std::optional<double> shown_latency(const CandidateRow& row);
/// The confirmed speed-up, else the estimate from the race (marked as such by `confirmed`).
struct ShownSpeedup {
  double value = 0;
  bool confirmed = false;
};
std::optional<ShownSpeedup> shown_speedup(const Report& report, const CandidateRow& row);

/// Indices of the candidates as tables list them: the winner, then by fate, then by latency, then in the order given.
std::vector<std::size_t> listing_order(const Report& report);
const CandidateRow& winner_or_original(const Report& report);

/// The rewriting of the graph in one line: "rewritten: 440 → 266 nodes by 2 passes (…)"; empty where there was none.
std::string rewriting_line(const Report& report);

/// The result in one sentence: "2.74 times faster than the original (95 %: 2.69 to 2.79)…".
std::string verdict(const Report& report);

}  // namespace speedster::report
