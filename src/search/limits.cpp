#include "search/limits.h"

#include <fmt/format.h>

#include "base/text.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

std::string milliseconds(double seconds) { return fmt::format("{:.3g} ms", seconds * 1e3); }
std::string megabytes(std::uint64_t bytes) { return fmt::format("{:.3g} MB", static_cast<double>(bytes) / 1e6); }

void add_bytes(const char* option, const char* what, std::uint64_t value, std::optional<std::uint64_t> most,
               std::vector<Excess>& found) {
  if (!most || value <= *most) return;
  found.push_back({option, fmt::format("{} {}, at most {}", what, megabytes(value), megabytes(*most)),
                   fmt::format("{:.6g}MB", rounded_up(static_cast<double>(value) / 1e6))});
}

void add_seconds(const char* option, const char* what, std::optional<double> value, std::optional<double> most,
                 std::vector<Excess>& found) {
  if (!most || (value && *value <= *most)) return;
  const std::string limit = ", at most " + milliseconds(*most);
  if (value)
    found.push_back({option, fmt::format("{} {}{}", what, milliseconds(*value), limit),
                     fmt::format("{:.6g}ms", rounded_up(*value * 1e3))});
  else
    found.push_back({option, fmt::format("{} was not measured{}", what, limit), ""});
}

}  // namespace

std::vector<Excess> excesses(const OptimizeRequest& request, const CandidateRow& row, bool confirmed) {
  std::vector<Excess> found;
  add_bytes("--max-size", "size", row.model_bytes, request.max_size_bytes, found);
  add_bytes("--max-memory", "peak memory", row.peak_memory_bytes, request.max_memory_bytes, found);
  if (!confirmed) return found;
  add_seconds("--max-load-time", "time to load", row.load_seconds, request.max_load_seconds, found);
  add_seconds("--p99", "p99", row.latency_p99, request.max_p99_seconds, found);
  return found;
}

std::string reason_of(const std::vector<Excess>& excesses) {
  std::vector<std::string> reasons;
  for (const Excess& excess : excesses) reasons.push_back(excess.reason);
  return join(reasons, "; ");
}

}  // namespace speedster::search
