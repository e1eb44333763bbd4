/// The live display of a search on stderr: one line that is rewritten in a terminal, plain lines elsewhere.
#pragma once
#include <speedster/optimize.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>

#include "cli/terminal.h"

namespace speedster::cli {

class ProgressDisplay {
 public:
  using Clock = std::function<double()>;  ///< seconds, monotonic

  /// Without a clock of the caller's a thread ticks once a second.
  ProgressDisplay(std::ostream& out, Terminal terminal, const Clock& clock = {});
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void update(const Progress& progress);
  /// Shows that time goes by where the search has nothing to tell.
  void tick();
  /// A line of its own, above the live line; from any thread.
  void note(std::string_view text);
  /// Removes the live line; nothing is shown afterwards.
  void finish();

 private:
  void show(const Progress& progress, double redraw_seconds);
  void clear_line();
  void draw(const std::string& line);
  void print_line(std::string_view text);

  std::mutex mutex_;
  std::ostream& out_;
  Terminal terminal_;
  Clock clock_;
  bool drawn_ = false, finished_ = false;
  double last_draw_ = -1e9, last_line_ = -1e9, updated_ = 0;
  Progress progress_;
  std::string stage_, last_message_, live_;
  std::condition_variable_any awake_;
  std::jthread ticker_;  // last: it uses the others
};

/// "race  7 of 12 done, 2 running · best openvino-bf16 1.92× · 31 s · 29 s left", at most `width` columns.
std::string progress_line(const Progress& progress, int width);

}  // namespace speedster::cli
