#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "base/files.h"
#include "base/text.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

bool locale_is_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = environment(variable);
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

std::string Terminal::fit(std::string_view text) const { return utf8 ? std::string(text) : report::to_ascii(text); }

Terminal probe_terminal(int descriptor, ColorChoice color) {
  constexpr int kMaxWidth = 200;  // longer lines are hard to follow
  Terminal terminal;
  terminal.tty = ::isatty(descriptor) == 1;
  terminal.utf8 = !terminal.tty || locale_is_utf8();
  // https://no-color.org: any value that is not empty.
  terminal.color = color == ColorChoice::kAlways || (color == ColorChoice::kAuto && terminal.tty &&
                                                     environment("NO_COLOR").empty() && environment("TERM") != "dumb");
  winsize size{};
  if (terminal.tty && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    terminal.width = size.ws_col;
  else if (const auto columns = parse_number<int>(environment("COLUMNS")); columns && *columns > 0)
    terminal.width = *columns;
  terminal.width = std::min(terminal.width, kMaxWidth);
  return terminal;
}

}  // namespace speedster::cli
