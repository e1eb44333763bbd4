#include "report/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "markup.h"

namespace speedster::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

SweepRow row(std::int64_t batch, int callers, double seconds, double rows_per_second) {
  SweepRow row;
  row.batch = batch;
  row.concurrency = callers;
  row.latency = {seconds, seconds * 0.99, seconds * 1.02};
  row.p90 = seconds * 1.1;
  row.rows_per_second = rows_per_second;
  row.call_cpu_seconds = seconds * 2;
  row.peak_memory = 150'000'000;
  return row;
}

SweepView example() {
  SweepView view;
  view.sides = {"<b>rec.speedster: openvino 2026.4.1, bf16"};
  view.rows = {row(1, 1, 0.005, 200), row(8, 1, 0.02, 400), row(1, 2, 0.008, 250), row(8, 2, 0.05, 320)};
  SweepRow& failed = view.rows.emplace_back();
  failed.batch = 64;
  failed.error = "[worker] expected memory, got <none>";
  view.conditions = "3 fresh loads of each point, 2 threads, samples of rec.speedster";
  view.notes = {"The machine was busy."};
  return view;
}

TEST(Sweep, TheFrontIsWhatNothingBeatsInBoth) {
  EXPECT_THAT(on_sweep_front(example()), ElementsAre(true, true, true, false, false));
}

TEST(Sweep, TheTableHasARowForEachPointAndSaysWhatFailed) {
  const std::string table = sweep_table(example());
  for (const char* text : {"rows a second", "5.00 ms (4.95–5.10)", "400", "150 MB", "failed", "got <none>",
                           "3 fresh loads", "The machine was busy."})
    EXPECT_THAT(table, HasSubstr(text));
  EXPECT_THAT(table, Not(HasSubstr(" \n"))) << "no spaces at the ends of lines";
}

TEST(Sweep, ThePageIsWellFormedAndHarmless) {
  SweepView view = example();
  view.sides.emplace_back("second");
  view.rows.push_back(row(1, 1, 0.004, 250));
  view.rows.back().side = 1;
  const std::string html = sweep_html(view);
  EXPECT_EQ(report_test::unbalanced(html), "");
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_THAT(html, HasSubstr("8 × 2"));
  EXPECT_EQ(report_test::count(html, "class=\"series "), 6U) << "two of the first and one of the second, twice drawn";
}

TEST(Sweep, CallsOfDifferentSizesAreMixed) {
  SweepView view = example();
  view.rows = {row(0, 2, 0.005, 200)};
  EXPECT_THAT(sweep_table(view), HasSubstr("mixed"));
  EXPECT_THAT(sweep_plot(view, kWidePlot), HasSubstr("mixed × 2"));
}

TEST(Sweep, NoPlotWhereNothingRan) {
  SweepView view = example();
  view.rows.erase(view.rows.begin(), view.rows.end() - 1);
  EXPECT_EQ(sweep_plot(view, kWidePlot), "");
  EXPECT_EQ(report_test::unbalanced(sweep_html(view)), "");
  view.rows = {row(1, 1, 0.005, 200)};
  EXPECT_THAT(sweep_plot(view, kNarrowPlot), HasSubstr("1 × 1"));
}

}  // namespace
}  // namespace speedster::report
