#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "report/text.h"

namespace speedster::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Progress sample() {
  Progress p;
  p.stage = "race";
  p.candidates_done = 7, p.candidates_running = 2, p.candidates_total = 12;
  p.best = "openvino-bf16";
  p.best_speedup = 1.92;
  p.elapsed_seconds = 31.2;
  p.seconds_left = 28.7;
  return p;
}

TEST(ProgressLine, SaysStageCountsBestAndTime) {
  EXPECT_EQ(progress_line(sample(), 120),
            "race  7 of 12 done, 2 running · best openvino-bf16 1.92× · 31 s · 29 s left");
}

TEST(ProgressLine, FitsAnyWidth) {
  for (int width = 1; width < 90; ++width) EXPECT_LE(report::display_width(progress_line(sample(), width)), width);
  EXPECT_THAT(progress_line(sample(), 60), HasSubstr("29 s left")) << "the best gives way before the time";
}

TEST(ProgressLine, IsHarmlessWhateverTheNames) {
  Progress p = sample();
  p.best = "\x1b[2Jevil\r";
  EXPECT_THAT(progress_line(p, 120), Not(HasSubstr("\x1b")));
}

/// A display with a clock that the test moves.
struct Display {
  explicit Display(bool tty) : display(out, {tty, false, true, 80}, [this] { return now; }) {}
  std::ostringstream out;
  double now = 100;
  ProgressDisplay display;
};

TEST(ProgressDisplay, TimeGoesByWhereTheSearchHasNothingToTell) {
  Display d(true);
  d.display.tick();
  EXPECT_EQ(d.out.str(), "") << "nothing to show yet";
  d.display.update(sample());
  d.now += 5;
  d.display.tick();
  EXPECT_THAT(d.out.str(), HasSubstr("36 s · 24 s left"));
  d.now += 60;
  d.display.tick();
  EXPECT_THAT(d.out.str(), HasSubstr("· 0 s left"));
}

TEST(ProgressDisplay, WithoutATerminalItSaysEveryTenSecondsThatItGoesOn) {
  Display d(false);
  d.display.update(sample());
  const std::size_t first = d.out.str().size();
  d.now += 5;
  d.display.tick();
  EXPECT_EQ(d.out.str().size(), first);
  d.now += 6;
  d.display.tick();
  EXPECT_THAT(d.out.str(), HasSubstr("42 s"));
}

TEST(ProgressDisplay, ItsOwnThreadTicksAndEnds) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, {true, false, true, 80});
    display.update(sample());
    std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  }
  EXPECT_THAT(out.str(), HasSubstr("32 s"));
}

TEST(ProgressDisplay, RewritesOneLineInATerminal) {
  Display d(true);
  d.display.update(sample());
  d.now += 0.05;
  d.display.update(sample());  // too soon: not drawn again
  d.now += 0.2;
  Progress later = sample();
  later.candidates_done = 8;
  d.display.update(later);
  EXPECT_THAT(d.out.str(), Not(HasSubstr("\n")));
  EXPECT_THAT(d.out.str(), EndsWith("8 of 12 done, 2 running · best openvino-bf16 1.92× · 31 s · 29 s left"));
  d.display.finish();
  EXPECT_THAT(d.out.str(), EndsWith("\r\x1b[K")) << "the live line is gone at the end";
}

TEST(ProgressDisplay, PutsMessagesAboveTheLiveLine) {
  Display d(true);
  d.display.update(sample());
  Progress event = sample();
  event.message = "openvino-bf16: 1.9x";
  d.display.update(event);
  EXPECT_THAT(d.out.str(), HasSubstr("\r\x1b[Kopenvino-bf16: 1.9x\nrace"));
}

TEST(ProgressDisplay, PlainLinesAtEventsOnly) {
  Display d(false);
  for (int i = 0; i < 50; ++i) {
    d.now += 0.1;
    d.display.update(sample());
  }
  Progress event = sample();
  event.message = "openvino-bf16: 1.9x";
  d.display.update(event);
  d.display.update(event);  // the same message again says nothing new
  Progress confirm = sample();
  confirm.stage = "confirm";
  d.display.update(confirm);
  d.display.finish();
  const std::string text = d.out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("\n  openvino-bf16: 1.9x\nconfirm"));
}

TEST(ProgressDisplay, PlainHeartbeatEveryTenSeconds) {
  Display d(false);
  for (int i = 0; i < 301; ++i) {
    d.display.update(sample());
    d.now += 0.1;
  }
  const std::string text = d.out.str();
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_GE(lines, 3);
  EXPECT_LE(lines, 4);
}

TEST(ProgressDisplay, AsciiWhereTheTerminalIsNotUtf8) {
  std::ostringstream out;
  ProgressDisplay display(out, {true, false, false, 120});
  display.update(sample());
  for (const char c : out.str()) EXPECT_GE(c, 0);
}

}  // namespace
}  // namespace speedster::cli
