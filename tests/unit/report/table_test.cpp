#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "example.h"
#include "report/text.h"

namespace speedster {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The line that holds `text`; empty if none does.
std::string line_with(const std::string& table, std::string_view text) {
  for (const std::string& line : split(table, '\n'))
    if (line.find(text) != std::string::npos) return line;
  return {};
}

TEST(ReportTable, ShowsOriginalOptimizedAndImprovement) {
  const std::string table = report_table(report_test::example_report());
  EXPECT_THAT(line_with(table, "improvement"), testing::ContainsRegex("original +optimized +improvement"));
  EXPECT_THAT(line_with(table, "backend"), testing::ContainsRegex("onnxruntime 1.31.1 +openvino 2026.4.1"));
  const std::string median = line_with(table, "latency, median");
  EXPECT_THAT(median, HasSubstr("14.3 ms (14.2–14.4)"));
  EXPECT_THAT(median, HasSubstr("4.91 ms (4.88–4.95)"));
  EXPECT_THAT(median, HasSubstr("2.92× (2.87–2.97) faster"));
  EXPECT_THAT(line_with(table, "latency, p90"), HasSubstr("5.20 ms (5.15–5.27)"));
  EXPECT_THAT(line_with(table, "CPU time a call"), testing::HasSubstr("10.1 ms"));
  EXPECT_THAT(line_with(table, "peak memory"), testing::ContainsRegex("[0-9.]+ MB +[0-9.]+ MB"));
  EXPECT_THAT(line_with(table, "latency, p99"), HasSubstr("17.1 ms (16.6–18.2)"));
  EXPECT_THAT(line_with(table, "throughput"), HasSubstr("204 /s"));
  EXPECT_THAT(line_with(table, "model size"), HasSubstr("3.59× smaller"));
  EXPECT_THAT(line_with(table, "metric drop"), HasSubstr("0.01 allowed"));
  EXPECT_THAT(line_with(table, "techniques"), HasSubstr("static int8 (NNCF, mixed preset)"));
}

TEST(ReportTable, ListsEveryCandidateWithFateAndReason) {
  const Report report = report_test::example_report();
  const std::string table = report_table(report, 200);
  for (const CandidateRow& row : report.candidates) {
    const std::string line = line_with(table, row.name + "  ");
    EXPECT_THAT(line, HasSubstr(fate_name(row.fate))) << row.name;
    EXPECT_THAT(line, HasSubstr(row.reason.substr(0, 40))) << row.name;
  }
}

TEST(ReportTable, MarksFiguresOfTheRace) {
  const std::string table = report_table(report_test::example_report());
  EXPECT_THAT(line_with(table, "openvino-bf16"), HasSubstr("~1.88×"));
  EXPECT_THAT(line_with(table, "openvino-fp32 "), Not(HasSubstr("~")));
}

TEST(ReportTable, NoLineExceedsTheWidth) {
  for (const int width : {70, 80, 100, 120, 200})
    for (const Report& report : {report_test::example_report(), report_test::hostile_report()}) {
      Report shown = report;
      shown.accept_command.clear();  // a command is never wrapped: it is there to be copied
      for (const std::string& line : split(report_table(shown, width), '\n'))
        EXPECT_LE(report::display_width(line), width) << line;
    }
}

TEST(ReportTable, NamesWhatTheUserShouldKnow) {
  Report report = report_test::example_report();
  report.machine_busy = true;
  const std::string table = report_table(report);
  EXPECT_THAT(table,
              HasSubstr("at batch=1 width=2048 the winner is slower than the original: 95.5 ms against 90.2 ms"));
  EXPECT_THAT(table, HasSubstr("the machine was busy: 2 of 18 rounds were dropped"));
}

TEST(ReportTable, TheRewritingIsOneLine) {
  Report report = report_test::example_report();
  const std::string text = report_table(report, 300);
  EXPECT_THAT(text, HasSubstr("· rewritten: 440 → 266 nodes by 2 passes (hard-activations 28, affine-after 62); "
                              "affine-before taken back: an output is 4.1e-06 from the original's"));
  for (RewritePass& pass : report.rewriting->passes) pass.changes = 0, pass.undone.clear();
  EXPECT_THAT(report_table(report), Not(HasSubstr("rewritten")));
  report.rewriting->failed = "[rewrite] expected memory, got none";
  EXPECT_THAT(report_table(report, 300), HasSubstr("not rewritten: [rewrite] expected memory, got none"));
}

TEST(ReportTable, EndsWithTheCommandThatAcceptsAReducedCandidate) {
  Report report = report_test::example_report();
  report.winner.reset();
  report.accept_candidate = 0;
  report.accept_command = "speedster optimize rec.onnx --metric-drop 0.0021";
  const std::string table = report_table(report, 80);
  EXPECT_THAT(table, HasSubstr("the original is kept"));
  EXPECT_THAT(table, HasSubstr("openvino-int8-nncf: 2.92×, drop 0.0021"));
  EXPECT_THAT(table, HasSubstr("    speedster optimize rec.onnx --metric-drop 0.0021\n"));
}

TEST(ReportTable, ColoursOnlyWhenAsked) {
  EXPECT_THAT(report_table(report_test::example_report()), Not(HasSubstr("\x1b")));
  EXPECT_THAT(report_table(report_test::example_report(), 120, true), HasSubstr("\x1b[1;32mwinner\x1b[0m"));
}

TEST(ReportTable, HostileTextCannotControlTheTerminal) {
  EXPECT_THAT(report_table(report_test::hostile_report()), Not(HasSubstr("\x1b")));
}

TEST(ReportTable, AnEmptyReportIsATableToo) { EXPECT_THAT(report_table({}), HasSubstr("the original is kept")); }

}  // namespace
}  // namespace speedster
