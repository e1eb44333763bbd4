/// Looks at HTML that we wrote.
#pragma once
#include <regex>
#include <string>
#include <vector>

namespace speedster::report_test {

inline std::size_t count(const std::string& text, const std::string& piece) {
  std::size_t n = 0;
  for (std::size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + piece.size())) ++n;
  return n;
}

/// Tags that are opened and not closed, or closed and not opened; empty for well-formed markup.
inline std::string unbalanced(const std::string& html) {
  static const std::regex kTag("<(/?)([a-zA-Z0-9]+)([^<>]*)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), kTag), end; it != end; ++it) {
    const std::string name = (*it)[2], rest = (*it)[3];
    if (name == "meta" || (!rest.empty() && rest.back() == '/')) continue;
    if ((*it)[1].length() == 0)
      open.push_back(name);
    else if (open.empty() || open.back() != name)
      return "</" + name + ">";
    else
      open.pop_back();
  }
  return open.empty() ? "" : "<" + open.back() + ">";
}

}  // namespace speedster::report_test
