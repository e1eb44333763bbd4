/// The views of a sweep over batch sizes and callers: terminal table, and a page with latency against throughput.
#pragma once
#include <speedster/report.h>

#include <string>
#include <vector>

#include "report/plot.h"

namespace speedster::report {

/// One combination of batch size and callers of one side.
struct SweepRow {
  std::size_t side = 0;
  std::int64_t batch = 1;  ///< 0: it differs from call to call
  int concurrency = 1;
  Figure latency;  ///< seconds a call
  std::optional<double> p90, p99;
  double rows_per_second = 0, call_cpu_seconds = 0;
  std::uint64_t peak_memory = 0;
  std::string error;  ///< instead of the figures
};

struct SweepView {
  std::vector<std::string> sides;  ///< "rec.speedster: openvino 2026.4.1, bf16"; one or two
  std::vector<SweepRow> rows;
  std::string conditions;          ///< "3 fresh loads of each point, 2 threads, samples of rec.speedster"
  std::vector<std::string> notes;  ///< what makes the figures weaker
};

std::string sweep_table(const SweepView& view);
std::string sweep_html(const SweepView& view);
/// Throughput against latency: a line for each side and number of callers, through its batch sizes. Empty if nothing
/// ran.
std::string sweep_plot(const SweepView& view, const PlotSize& size);

/// The rows that no row of the same side beats in both latency and throughput.
std::vector<bool> on_sweep_front(const SweepView& view);

}  // namespace speedster::report
