#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "example.h"
#include "markup.h"
#include "report/axis.h"
#include "report/html_text.h"
#include "report/plot.h"

namespace speedster {
namespace {

using report_test::count;
using report_test::unbalanced;
using testing::HasSubstr;
using testing::Not;

TEST(ReportHtml, LoadsNothingAndRunsNothing) {
  const std::string html = report_html(report_test::example_report());
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  for (const char* forbidden :
       {"<script", "<link", "<img", "<iframe", "http://", "https://", "@import", "url(", "src="})
    EXPECT_THAT(html, Not(HasSubstr(forbidden)));
}

TEST(ReportHtml, IsWellFormed) {
  EXPECT_EQ(unbalanced(report_html(report_test::example_report())), "");
  EXPECT_EQ(unbalanced(report_html(report_test::hostile_report())), "");
  EXPECT_EQ(unbalanced(report_html({})), "");
}

TEST(ReportHtml, EscapesHostileText) {
  const std::string html = report_html(report_test::hostile_report());
  for (const char* forbidden : {"<script", "<b>key", "<i>value", "<u>", "<s>", "\x1b", "\x07", "\xE2\x80\xAE"})
    EXPECT_THAT(html, Not(HasSubstr(forbidden)));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
}

TEST(ReportHtml, HasEveryCandidateWithItsReason) {
  const Report report = report_test::example_report();
  const std::string html = report_html(report);
  for (const CandidateRow& row : report.candidates) {
    EXPECT_THAT(html, HasSubstr("<span class=\"name\">" + row.name)) << row.name;
    EXPECT_THAT(html, HasSubstr(report::escape_html(row.reason))) << row.name;
  }
  EXPECT_THAT(html, HasSubstr("/home/user/.local/state/speedster/failed/3f2a/repro.sh"));
  EXPECT_THAT(html, HasSubstr("Zen 4"));
}

TEST(ReportHtml, HasARowForEachPass) {
  Report report = report_test::example_report();
  const std::string html = report_html(report);
  for (const char* text : {"<h2>Rewriting</h2>", "440 nodes became 266", "hard-activations", "3.8e-07", "nothing to do",
                           "disabled", "taken back: an output is 4.1e-06"})
    EXPECT_THAT(html, HasSubstr(text));
  report.rewriting.reset();
  EXPECT_THAT(report_html(report), Not(HasSubstr("<h2>Rewriting</h2>")));
}

TEST(ReportHtml, NamesTheCommandThatAcceptsAReducedCandidate) {
  Report report = report_test::example_report();
  report.accept_candidate = 3;
  report.accept_command = "speedster optimize m.onnx --metric-drop 0.041";
  EXPECT_THAT(report_html(report), HasSubstr("<code>speedster optimize m.onnx --metric-drop 0.041</code>"));
}

TEST(ReportHtml, DrawsEachLayerWithWhatBecameOfIt) {
  const std::string html = report_html(report_test::example_report());
  EXPECT_THAT(html, HasSubstr("gives 2 of them back to bf16 and loses 0.004"));
  EXPECT_THAT(html, HasSubstr("1 back: 0.013; 2 back: 0.004, holds"));
  EXPECT_THAT(html, HasSubstr("conv2: bf16, alone in int8 it loses 0.31 (relative L2), 400 µs in fp32"));
  EXPECT_THAT(html, HasSubstr("conv3: int8, alone in int8 it loses 0.0015 (relative L2), estimated from its group"));
  EXPECT_THAT(html, HasSubstr("fc: bf16, alone in int8 it loses everything"));
  EXPECT_THAT(html,
              HasSubstr("onnxruntime-static-int8-minmax loses 0.3 with all of its 0 layers in int8; no trial held"));
}

TEST(LayerPlot, HasABarForEachLayerInsideItsFrame) {
  const Report report = report_test::example_report();
  const std::string svg = report::layer_plot(report.precision_maps[0], {400, false});
  EXPECT_EQ(count(svg, "<rect class=\"layer"), 4U);
  EXPECT_EQ(count(svg, "class=\"layer back\""), 2U);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_EQ(report::layer_plot({}, {400, false}), "");
}

TEST(ScatterPlot, HasAMarkForEachCandidateThatWasTimedAndJudged) {
  const Report report = report_test::example_report();
  std::size_t expected = 1;  // the original
  for (const CandidateRow& row : report.candidates)
    if (row.drop && (row.latency_median || row.race_latency)) ++expected;
  for (const report::PlotSize size : {report::PlotSize{920, false}, report::PlotSize{360, true}}) {
    const std::string svg = report::scatter_plot(report, size);
    EXPECT_EQ(count(svg, "<g class=\"marker"), expected);
    EXPECT_EQ(count(svg, "class=\"marker winner"), 1U);
    EXPECT_EQ(count(svg, "class=\"front\""), 1U);
    EXPECT_THAT(svg, HasSubstr("budget 0.01"));
    EXPECT_EQ(unbalanced(svg), "");
  }
}

TEST(ScatterPlot, StaysInsideItsFrameWhateverTheFigures) {
  const double kHuge = 1e30, kTiny = 1e-30;
  for (const double latency : {kTiny, 1e-3, kHuge})
    for (const double drop : {-1.0, 0.0, kTiny, 1.0, kHuge, std::nan(""), 1.0 / 0.0}) {
      Report report = report_test::example_report();
      report.candidates[1].latency_median = Figure{latency, {}, {}};
      report.candidates[1].drop = Figure{drop, {}, {}};
      const std::string svg = report::scatter_plot(report, {920, false});
      EXPECT_THAT(svg, Not(HasSubstr("nan")));
      EXPECT_THAT(svg, Not(HasSubstr("inf")));
      static const std::regex kCentre("cx=\"([-0-9.]+)\" cy=\"([-0-9.]+)\"");
      for (std::sregex_iterator it(svg.begin(), svg.end(), kCentre), end; it != end; ++it) {
        EXPECT_GE(std::stod((*it)[1]), 0);
        EXPECT_LE(std::stod((*it)[1]), 920);
        EXPECT_GE(std::stod((*it)[2]), 0);
        EXPECT_LE(std::stod((*it)[2]), 440);
      }
    }
}

TEST(ForestPlot, HasARowForEachConfirmedCandidate) {
  const std::string svg = report::forest_plot(report_test::example_report(), {920, false});
  EXPECT_EQ(count(svg, "class=\"interval"), 3U);
  EXPECT_THAT(svg, HasSubstr("2.92× (2.87–2.97)"));
  EXPECT_EQ(report::forest_plot({}, {920, false}), "") << "nothing was confirmed";
}

TEST(Axis, PlacesValuesByTheirLogarithm) {
  const report::LogAxis axis{1, 100, 0, 200};
  EXPECT_DOUBLE_EQ(axis.at(1), 0);
  EXPECT_DOUBLE_EQ(axis.at(10), 100);
  EXPECT_DOUBLE_EQ(axis.at(1000), 200) << "clamped";
}

TEST(Axis, TicksAreRoundApartAndInside) {
  EXPECT_THAT(report::log_ticks({1, 100, 0, 400}, 50),
              testing::Pointwise(testing::DoubleEq(), {1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0}));
  EXPECT_THAT(report::linear_ticks(0.9, 3.1, 5), testing::Pointwise(testing::DoubleEq(), {1.0, 1.5, 2.0, 2.5, 3.0}));
  EXPECT_THAT(report::decade_ticks(1e-9, 1, 5).size(), testing::Le(5U));
  for (const double high : {1.01, 1.3, 2.0, 30.0, 1e6, 1e12})
    for (const double apart : {20.0, 60.0}) {
      const report::LogAxis axis{1, high, 0, 300};
      const std::vector<double> ticks = report::log_ticks(axis, apart);
      EXPECT_GE(ticks.size(), 2U) << high;
      for (const double tick : ticks) EXPECT_TRUE(tick >= 0.99 && tick <= high * 1.01) << tick << " of " << high;
    }
}

}  // namespace
}  // namespace speedster
