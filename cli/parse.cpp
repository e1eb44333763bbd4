#include "cli/parse.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace speedster::cli {
namespace {

Error wrong(std::string_view option, std::string_view expected, std::string_view got, std::string_view advice = {}) {
  std::string message = "[usage] expected " + std::string(option) + " to be " + std::string(expected) + ", got \"" +
                        std::string(got) + "\"";
  if (!advice.empty()) message += "; try " + std::string(advice);
  return {ErrorKind::kUsage, std::move(message)};
}

struct Pair {
  std::string key, value;
};

/// Names may hold '=' themselves (they come from models), values may not.
std::optional<Pair> cut(std::string_view piece) {
  const std::size_t at = piece.rfind('=');
  if (at == std::string_view::npos || at == 0 || at + 1 == piece.size()) return std::nullopt;
  return Pair{std::string(piece.substr(0, at)), std::string(piece.substr(at + 1))};
}

std::optional<Shape> shape_from(std::string_view text) {
  Shape shape;
  if (text == "scalar") return shape;
  for (const std::string& piece : split(text, 'x')) {
    const auto dimension = parse_number<std::int64_t>(piece);
    if (!dimension || *dimension < 0) return std::nullopt;
    shape.push_back(*dimension);
  }
  if (shape.empty() || !element_count(shape)) return std::nullopt;
  return shape;
}

/// The number at the front of the text, which moves on; decimals allowed, no sign.
std::optional<double> take_number(std::string_view& text) {
  const std::size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_number<double>(text.substr(0, length));
  text.remove_prefix(length);
  return number;
}

}  // namespace

Result<ShapeOptions> parse_shapes(const std::vector<std::string>& pieces) {
  constexpr std::string_view kExample = "--shapes tokens=1x128@3 --shapes tokens=1x512@1";
  const auto share_at = [](const std::string& list) { return list.find('@', list.rfind('=') + 1); };
  const auto shared = std::ranges::count_if(pieces, [&](const std::string& list) {
    return list.find('=') != std::string::npos && share_at(list) != std::string::npos;
  });
  if (shared != 0 && shared != std::ssize(pieces))
    return wrong("--shapes", "all with a share or all without", join(pieces, " "), kExample);
  ShapeOptions options;
  for (const std::string& list : pieces) {
    const std::size_t end = shared != 0 ? share_at(list) : list.size();
    std::map<std::string, Shape>* shapes = &options.shapes;
    if (shared != 0) {
      const auto share = parse_number<double>(std::string_view(list).substr(end + 1));
      if (!share || !std::isfinite(*share) || !(*share > 0))
        return wrong("--shapes", "SHAPES@SHARE with a number above 0", list, kExample);
      shapes = &options.mix.emplace_back(OptimizeRequest::ShapeShare{{}, *share}).shapes;
    }
    for (const std::string& piece : split(list.substr(0, end), ',')) {
      const auto pair = cut(piece);
      const auto shape = pair ? shape_from(pair->value) : std::nullopt;
      if (!shape) return wrong("--shapes", "NAME=SIZExSIZE…", piece, "--shapes images=1x3x48x320,tokens=1x128");
      if (!shapes->emplace(pair->key, *shape).second)
        return wrong("--shapes", "one shape for each input", pair->key + " twice", kExample);
    }
  }
  return options;
}

Result<std::map<std::string, std::pair<double, double>>> parse_ranges(const std::vector<std::string>& pieces) {
  std::map<std::string, std::pair<double, double>> ranges;
  for (const std::string& list : pieces)
    for (const std::string& piece : split(list, ',')) {
      const auto pair = cut(piece);
      const std::size_t colon = pair ? pair->value.find(':') : std::string::npos;
      if (colon == std::string::npos) return wrong("--range", "NAME=LOW:HIGH", piece, "--range tokens=0:30522");
      const auto low = parse_number<double>(std::string_view(pair->value).substr(0, colon));
      const auto high = parse_number<double>(std::string_view(pair->value).substr(colon + 1));
      if (!low || !high || !std::isfinite(*low) || !std::isfinite(*high) || !(*low < *high))
        return wrong("--range", "NAME=LOW:HIGH with LOW below HIGH", piece, "--range tokens=0:30522");
      if (!ranges.emplace(pair->key, std::pair(*low, *high)).second)
        return wrong("--range", "one range for each input", pair->key + " twice");
    }
  return ranges;
}

Result<std::map<std::string, OptimizeRequest::AxisRange>> parse_axes(const std::vector<std::string>& pieces) {
  std::map<std::string, OptimizeRequest::AxisRange> axes;
  const std::string_view example = "--axis width=80:320:1280";
  for (const std::string& list : pieces)
    for (const std::string& piece : split(list, ',')) {
      const auto pair = cut(piece);
      std::vector<std::int64_t> sizes;
      for (const std::string& text : split(pair ? pair->value : "", ':'))
        if (const auto size = parse_number<std::int64_t>(text)) sizes.push_back(*size);
      const std::size_t wanted = pair ? static_cast<std::size_t>(std::ranges::count(pair->value, ':')) + 1 : 0;
      const bool sound =
          sizes.size() == wanted && (wanted == 2 || wanted == 3) && sizes.front() >= 1 && std::ranges::is_sorted(sizes);
      if (!sound) return wrong("--axis", "NAME=MIN:OPT:MAX in growing order", piece, example);
      if (!axes.emplace(pair->key,
                        OptimizeRequest::AxisRange{sizes.front(), sizes[wanted == 3 ? 1 : wanted - 1], sizes.back()})
               .second)
        return wrong("--axis", "one range for each axis", pair->key + " twice");
    }
  return axes;
}

Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& pieces,
                                                       std::string_view option) {
  std::map<std::string, std::string> pairs;
  for (const std::string& list : pieces)
    for (const std::string& piece : split(list, ',')) {
      // Paths may hold '=', keys may not: the first one counts here.
      const std::size_t at = piece.find('=');
      if (at == std::string::npos || at == 0) return wrong(option, "KEY=VALUE", piece);
      if (!pairs.emplace(piece.substr(0, at), piece.substr(at + 1)).second)
        return wrong(option, "one value for each key", piece.substr(0, at) + " twice");
    }
  return pairs;
}

Result<double> parse_duration(std::string_view text, std::string_view option) {
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
      {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};
  const auto refuse = [&, whole = text] { return wrong(option, "a duration", whole, "60s, 2m, 1m30s or 1.5h"); };
  std::string_view rest = text;
  double seconds = 0, last_scale = 1e9;
  if (rest.empty()) return refuse();
  while (!rest.empty()) {
    const auto number = take_number(rest);
    if (!number) return refuse();
    if (rest.empty() && last_scale == 1e9) return *number;  // a bare number is in seconds
    const auto* unit =
        std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& u) { return rest.starts_with(u.first); });
    if (unit == kUnits.end() || unit->second >= last_scale) return refuse();
    rest.remove_prefix(unit->first.size());
    last_scale = unit->second;
    seconds += *number * unit->second;
  }
  if (!std::isfinite(seconds)) return refuse();
  return seconds;
}

Result<double> parse_interval(std::string_view text) {
  constexpr double kMost = 10;
  SPEEDSTER_ASSIGN(const double seconds, parse_duration(text, "--interval"));
  if (!(seconds > 0 && seconds <= kMost)) return wrong("--interval", "above 0 and up to 10s", text, "--interval 33ms");
  return seconds;
}

Result<std::vector<int>> parse_counts(std::string_view text, std::string_view option, int most) {
  std::vector<int> counts;
  for (const std::string& piece : split(text, ',')) {
    const auto count = parse_number<int>(trim(piece));
    if (!count || *count < 1 || *count > most || std::ranges::find(counts, *count) != counts.end())
      return wrong(option, "different numbers from 1 to " + std::to_string(most), text, std::string(option) + " 1,2,4");
    counts.push_back(*count);
  }
  std::ranges::sort(counts);
  return counts;
}

Result<std::uint64_t> parse_bytes(std::string_view text, std::string_view option) {
  static constexpr std::string_view kPrefixes = "kMGT";
  const auto refuse = [&, whole = text] { return wrong(option, "a size in bytes", whole, "500M, 1.5GB or 2GiB"); };
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (!number) return refuse();
  double scale = 1;
  if (!rest.empty()) {
    const char letter = rest[0] == 'K' ? 'k' : rest[0];
    if (const std::size_t power = kPrefixes.find(letter); power != std::string_view::npos) {
      rest.remove_prefix(1);
      const bool binary = rest.starts_with("i");
      if (binary) rest.remove_prefix(1);
      scale = std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(power + 1));
    }
    if (rest == "B") rest.remove_prefix(1);
  }
  const double bytes = std::floor(*number * scale);
  if (!rest.empty() || !(bytes < 9e18)) return refuse();
  return static_cast<std::uint64_t>(bytes);
}

Result<std::string> parse_switch(std::string_view text, std::string_view option) {
  if (text == "on" || text == "1" || text == "true") return std::string("1");
  if (text == "off" || text == "0" || text == "false") return std::string("0");
  return wrong(option, "on or off", text);
}

Result<std::vector<std::string>> split_command(std::string_view text, std::string_view option) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;  // a word has begun, be it an empty pair of quotes
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == '\'') {
      if (c == '\'')
        quote = 0;
      else
        word += c;
    } else if (c == '\\' && i + 1 < text.size()) {
      // Inside double quotes a backslash only escapes what would mean something there.
      const char next = text[++i];
      if (quote == '"' && next != '"' && next != '\\' && next != '$' && next != '`') word += c;
      word += next;
      inside = true;
    } else if (c == '$' || c == '`') {
      return wrong(option,
                   "a program and its arguments (no shell runs it, so " + std::string(1, c) + " has no meaning)", text,
                   "quoting it as '…', or a script");
    } else if (quote == '"') {
      if (c == '"')
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      inside = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (inside) words.push_back(std::move(word));
      word.clear();
      inside = false;
    } else if (std::string_view("|&;<>()").find(c) != std::string_view::npos) {
      return wrong(option,
                   "a program and its arguments (no shell runs it, so " + std::string(1, c) + " has no meaning)", text,
                   "quoting it as '…', or a script");
    } else {
      word += c;
      inside = true;
    }
  }
  if (quote != 0) return wrong(option, "a command with closed quotes", text);
  if (inside) words.push_back(std::move(word));
  if (words.empty()) return wrong(option, "a program and its arguments", text);
  return words;
}

}  // namespace speedster::cli
