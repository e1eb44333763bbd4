#include "report/text.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

namespace speedster::report {
namespace {

struct Decoded {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
  bool valid = false;
};

/// The first character of a text that is not empty; overlong forms and surrogates are not valid.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF)
    length = 2;
  else if (lead >= 0xE0 && lead <= 0xEF)
    length = 3;
  else if (lead >= 0xF0 && lead <= 0xF4)
    length = 4;
  if (length == 0 || text.size() < length) return {};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length, true};
}

using CodeRange = std::pair<char32_t, char32_t>;

bool in_ranges(char32_t code, const CodeRange* begin, const CodeRange* end) {
  const auto* after = std::upper_bound(begin, end, code, [](char32_t c, const CodeRange& r) { return c < r.first; });
  return after != begin && code <= std::prev(after)->second;
}

// Unicode's East_Asian_Width W and F, and general categories Mn, Me and Cf, in the coarse blocks that names are made
// of.
constexpr CodeRange kWide[] = {{0x1100, 0x115F},   {0x231A, 0x231B},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
                               {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
                               {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                               {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr CodeRange kZero[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},
                               {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
                               {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};

int columns(char32_t code) {
  if (in_ranges(code, std::begin(kZero), std::end(kZero))) return 0;
  return in_ranges(code, std::begin(kWide), std::end(kWide)) ? 2 : 1;
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

/// How many bytes of the text fill at most `width` columns.
std::size_t prefix(std::string_view text, int width) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Decoded next = decode(text.substr(at));
    width -= columns(next.code);
    if (width < 0) break;
    at += next.bytes;
  }
  return at;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.code == '\n' || next.code == '\t')
      clean += ' ';
    else if (!next.valid || is_control(next.code))
      clean += "\xEF\xBF\xBD";
    else
      clean += text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
  }
  return clean;
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    width += columns(next.code);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string pad(std::string_view text, int width, Align align) {
  const std::string fill(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
  return align == Align::kLeft ? std::string(text) + fill : fill + std::string(text);
}

std::string elide(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  return std::string(text.substr(0, prefix(text, std::max(0, width - 1)))) + (width > 0 ? "…" : "");
}

std::vector<std::string> wrap(std::string_view text, int width) {
  width = std::max(width, 2);
  std::vector<std::string> lines;
  for (std::size_t fits = prefix(text, width); fits < text.size(); fits = prefix(text, width)) {
    // A space that ends the line exactly is a break too.
    const std::size_t space = text.substr(0, fits + (fits < text.size() && text[fits] == ' ' ? 1 : 0)).rfind(' ');
    const bool at_space = space != std::string_view::npos && space > 0;
    lines.emplace_back(text.substr(0, at_space ? space : fits));
    text.remove_prefix(at_space ? space + 1 : fits);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

std::string to_ascii(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"×", "x"},   {"–", "-"},  {"—", "-"},  {"µ", "u"},  {"─", "-"}, {"│", "|"}, {"·", "."},
      {"…", "..."}, {"±", "+-"}, {"≤", "<="}, {"≥", ">="}, {"−", "-"}, {"●", "*"}, {"→", "->"}};
  std::string ascii;
  while (!text.empty()) {
    const Decoded next = decode(text);
    const std::string_view sign = text.substr(0, next.bytes);
    const auto* known =
        std::find_if(std::begin(kSigns), std::end(kSigns), [&](const auto& s) { return s.first == sign; });
    if (next.bytes == 1 && next.valid)
      ascii += sign;
    else
      ascii += known != std::end(kSigns) ? known->second : std::string_view("?");
    text.remove_prefix(next.bytes);
  }
  return ascii;
}

}  // namespace speedster::report
