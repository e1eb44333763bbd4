#include "cli/progress.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

constexpr double kRedrawSeconds = 0.1, kStandingRedrawSeconds = 0.9;
constexpr std::chrono::seconds kTick(1);
constexpr double kHeartbeatSeconds = 10;  // without a terminal: at most one line of standing figures in that time

std::string whole_seconds(double seconds) {
  return seconds < 119.5 ? std::to_string(static_cast<int>(seconds + 0.5)) + " s" : report::format_seconds(seconds);
}

}  // namespace

std::string progress_line(const Progress& progress, int width) {
  std::string line = report::printable(progress.stage);
  if (progress.candidates_total > 0) {
    line +=
        "  " + std::to_string(progress.candidates_done) + " of " + std::to_string(progress.candidates_total) + " done";
    if (progress.candidates_running > 0) line += ", " + std::to_string(progress.candidates_running) + " running";
  }
  std::string time = whole_seconds(progress.elapsed_seconds);
  if (progress.seconds_left) time += " · " + whole_seconds(*progress.seconds_left) + " left";
  std::string best;
  if (!progress.best.empty()) {
    best = "best " + report::printable(progress.best);
    if (progress.best_speedup > 0) best += " " + report::format_ratio(progress.best_speedup);
  }
  // The name of the best gives way first: stage, counts and time are what a waiting person looks at.
  const int room = width - report::display_width(line) - report::display_width(time) - 6;
  if (!best.empty() && room >= 12) line += " · " + report::elide(best, room);
  return report::elide(line + " · " + time, width);
}

ProgressDisplay::ProgressDisplay(std::ostream& out, Terminal terminal, const Clock& clock)
    : out_(out), terminal_(terminal), clock_(clock ? clock : Clock(now_seconds)) {
  if (clock) return;
  ticker_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!awake_.wait_for(lock, stop, kTick, [this] { return finished_; }) && !stop.stop_requested()) {
      lock.unlock();
      tick();
      lock.lock();
    }
  });
}

ProgressDisplay::~ProgressDisplay() { finish(); }

void ProgressDisplay::clear_line() {
  if (drawn_) out_ << "\r\x1b[K";
  drawn_ = false;
}

void ProgressDisplay::draw(const std::string& line) {
  clear_line();
  out_ << terminal_.fit(line) << std::flush;
  drawn_ = true;
}

void ProgressDisplay::print_line(std::string_view text) {
  clear_line();
  out_ << terminal_.fit(report::printable(text)) << '\n' << std::flush;
  last_line_ = clock_();
}

void ProgressDisplay::update(const Progress& progress) {
  const std::scoped_lock lock(mutex_);
  if (finished_) return;
  updated_ = clock_();
  progress_ = progress;
  progress_.message.clear();
  show(progress, kRedrawSeconds);
}

void ProgressDisplay::tick() {
  const std::scoped_lock lock(mutex_);
  if (finished_ || stage_.empty()) return;
  Progress standing = progress_;
  const double since = clock_() - updated_;
  standing.elapsed_seconds += since;
  if (standing.seconds_left) standing.seconds_left = std::max(*standing.seconds_left - since, 0.0);
  show(standing, kStandingRedrawSeconds);
}

void ProgressDisplay::show(const Progress& progress, double redraw_seconds) {
  const double now = clock_();
  const bool event = !progress.message.empty() && progress.message != last_message_;
  const bool new_stage = progress.stage != stage_;
  stage_ = progress.stage;
  if (terminal_.tty) {
    if (event) print_line(progress.message);
    live_ = progress_line(progress, terminal_.width - 1);  // a full last column would wrap
    if (event || new_stage || now - last_draw_ >= redraw_seconds) {
      draw(live_);
      last_draw_ = now;
    }
  } else {
    if (new_stage || (!event && now - last_line_ >= kHeartbeatSeconds))
      print_line(progress_line(progress, terminal_.width));
    if (event) print_line("  " + progress.message);
  }
  if (event) last_message_ = progress.message;
}

void ProgressDisplay::note(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  const bool redraw = drawn_;
  print_line(text);
  if (redraw && !finished_) draw(live_);
}

void ProgressDisplay::finish() {
  const std::scoped_lock lock(mutex_);
  if (!finished_) {
    clear_line();
    out_ << std::flush;
  }
  finished_ = true;
  awake_.notify_all();
}

}  // namespace speedster::cli
