/// Text for terminals: display width of UTF-8, padding, wrapping, and hostile text made harmless.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace speedster::report {

/// Valid UTF-8 without control characters (escape sequences of a hostile model name) and bidirectional overrides: each
/// becomes U+FFFD, tabs and newlines a space.
std::string printable(std::string_view text);

/// Columns that a terminal uses: 2 for wide East Asian characters and emoji, 0 for combining marks. The text is
/// printable.
int display_width(std::string_view text);

enum class Align { kLeft, kRight };
/// Filled with spaces to `width` columns; a longer text stays as it is.
std::string pad(std::string_view text, int width, Align align = Align::kLeft);
/// Cut to `width` columns with an ellipsis at the end.
std::string elide(std::string_view text, int width);
/// Lines of at most `width` columns, broken at spaces, inside words that are longer than a line. At least one line.
std::vector<std::string> wrap(std::string_view text, int width);

/// For terminals that are no UTF-8: the signs that our tables use become ASCII ("×" "x", "–" "-", "µ" "u"), others "?".
std::string to_ascii(std::string_view text);

}  // namespace speedster::report
