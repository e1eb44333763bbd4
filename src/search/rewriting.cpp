#include "search/rewriting.h"

namespace speedster::search {
namespace {

/// The worker's summary is ours, but comes from a file of the cache: what does not fit is left out.
template <typename Number>
Number number(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number() || (std::is_unsigned_v<Number> && !found->is_number_unsigned()))
    return 0;
  return found->get<Number>();
}
std::string text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

GraphRewriting from_json(const Json& json) {
  GraphRewriting rewriting;
  if (!json.is_object()) return rewriting;
  rewriting.nodes_before = number<std::size_t>(json, "nodes_before");
  rewriting.nodes_after = number<std::size_t>(json, "nodes_after");
  rewriting.bytes_before = number<std::uint64_t>(json, "bytes_before");
  rewriting.bytes_after = number<std::uint64_t>(json, "bytes_after");
  const auto passes = json.find("passes");
  if (passes == json.end() || !passes->is_array()) return rewriting;
  for (const Json& item : *passes) {
    if (!item.is_object()) continue;
    RewritePass pass;
    pass.name = text(item, "name");
    pass.changes = number<std::size_t>(item, "changes");
    pass.seconds = number<double>(item, "seconds");
    pass.verify_seconds = number<double>(item, "verify_seconds");
    if (item.contains("relative_l2") && item["relative_l2"].is_number())
      pass.relative_l2 = number<double>(item, "relative_l2");
    pass.judge = text(item, "judge");
    pass.undone = text(item, "undone");
    pass.disabled = item.value("disabled", Json(false)) == Json(true);
    rewriting.passes.push_back(std::move(pass));
  }
  return rewriting;
}

}  // namespace

std::optional<GraphRewriting> rewriting_of(const std::vector<Candidate>& candidates,
                                           const std::vector<std::size_t>& ranked) {
  if (!ranked.empty() && candidates[ranked.front()].rewriting) return from_json(*candidates[ranked.front()].rewriting);
  std::string failed;
  for (const Candidate& candidate : candidates) {
    if (candidate.rewriting) return from_json(*candidate.rewriting);
    if (failed.empty()) failed = candidate.not_rewritten;
  }
  if (failed.empty()) return std::nullopt;
  GraphRewriting none;
  none.failed = failed;
  return none;
}

}  // namespace speedster::search
