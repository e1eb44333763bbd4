/// The small languages of the command line. Errors have kind usage and say what was expected.
#pragma once
#include <speedster/error.h>
#include <speedster/optimize.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace speedster::cli {

/// What --shapes said: shapes of all calls, or a mix.
struct ShapeOptions {
  std::map<std::string, Shape> shapes;
  std::vector<OptimizeRequest::ShapeShare> mix;
};
/// "images=1x3x48x320,tokens=1x128"; "scalar" is the empty shape. Each input may be named once; with a share behind
/// each piece ("tokens=1x128@3") once in each, and every piece is then a shape of a mix.
Result<ShapeOptions> parse_shapes(const std::vector<std::string>& pieces);
/// "NAME=LOW:HIGH" with LOW below HIGH.
Result<std::map<std::string, std::pair<double, double>>> parse_ranges(const std::vector<std::string>& pieces);
/// "NAME=MIN:OPT:MAX" or "NAME=MIN:MAX" (opt is then max), in this order and at least 1.
Result<std::map<std::string, OptimizeRequest::AxisRange>> parse_axes(const std::vector<std::string>& pieces);
/// "KEY=VALUE" pieces.
Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& pieces, std::string_view option);
/// Seconds of "60", "60s", "2m", "1m30s", "1.5h", "500ms".
Result<double> parse_duration(std::string_view text, std::string_view option);
/// Of --interval, in seconds: above 0, 10 at most.
Result<double> parse_interval(std::string_view text);
/// "1,2,8": numbers from 1 to `most`, each once; ascending comes back.
Result<std::vector<int>> parse_counts(std::string_view text, std::string_view option, int most);
/// Bytes of "500M", "1.5GB" (powers of 1000) or "2GiB" (powers of 1024).
Result<std::uint64_t> parse_bytes(std::string_view text, std::string_view option);
/// "on" and "off" as the plug-ins' options know them: "1" and "0".
Result<std::string> parse_switch(std::string_view text, std::string_view option);
/// A command as a shell would cut it into words: spaces, '…', "…" and backslashes. No shell runs it: words that only a
/// shell would understand (pipes, redirections, lists, substitutions) are refused.
Result<std::vector<std::string>> split_command(std::string_view text, std::string_view option);

}  // namespace speedster::cli
