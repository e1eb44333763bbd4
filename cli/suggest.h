/// "Did you mean": the known word that is closest to a mistyped one.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace speedster::cli {

/// Insertions, deletions, substitutions and swaps of neighbours that lead from one word to the other.
int edit_distance(std::string_view a, std::string_view b);

/// The closest known word, if it is close enough to be meant (a third of its letters, two at least).
std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& known);

}  // namespace speedster::cli
