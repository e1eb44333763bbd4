/// What stands behind stdout and stderr: a terminal with width, colours and UTF-8, or a file.
#pragma once
#include <string>
#include <string_view>

namespace speedster::cli {

struct Terminal {
  bool tty = false;
  bool color = false;
  bool utf8 = true;  ///< false only for a terminal whose locale is not UTF-8
  int width = 120;

  /// As it is, or with our signs in ASCII.
  std::string fit(std::string_view text) const;
};

enum class ColorChoice { kAuto, kAlways, kNever };

/// Asks the descriptor, the locale's variables, NO_COLOR, TERM and COLUMNS.
Terminal probe_terminal(int descriptor, ColorChoice color = ColorChoice::kAuto);

}  // namespace speedster::cli
