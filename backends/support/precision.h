/// Which precision really ran: a tally of executed nodes, filled from the vendor's own profile, and its one-word
/// verdict.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "support/json.h"

namespace speedster::plugin {

/// Kinds are "f64", "f32", "bf16", "f16", "int8", "int4"; "other" is integer and shape arithmetic, which loses nothing.
class PrecisionTally {
 public:
  /// An executed node. `heavy`: one that multiplies by weights (convolution, matrix product, recurrent cell).
  void node(const std::string& kind, bool heavy) {
    ++nodes_[kind];
    if (kind == "other") return;
    (heavy ? heavy_ : light_).insert(kind);
  }
  /// Values that were rounded to this kind on their way (a cast, quantized weights), whatever the nodes compute in.
  void rounded_to(const std::string& kind) { rounded_.insert(kind); }
  bool empty() const { return nodes_.empty(); }

  /// "int8" where a heavy node ran in 8 bits, else the one kind of all heavy nodes (of all nodes where none is heavy)
  /// and all roundings, else "mixed". Nothing but integers is "f32": nothing was lost. "unknown" where no node was
  /// seen.
  std::string verdict() const {
    if (nodes_.empty()) return "unknown";
    if (heavy_.contains("int8")) return "int8";
    std::set<std::string> kinds = heavy_.empty() ? light_ : heavy_;
    kinds.insert(rounded_.begin(), rounded_.end());
    if (kinds.empty()) return "f32";
    return kinds.size() == 1 && *kinds.begin() != "int4" ? *kinds.begin() : "mixed";
  }
  /// Members "precision" and "nodes".
  void write(JsonWriter& json) const {
    json.field("precision", std::string_view(verdict())).object("nodes");
    for (const auto& [kind, count] : nodes_) json.field(kind, count);
    json.end();
  }

 private:
  std::map<std::string, std::int64_t> nodes_;
  std::set<std::string> heavy_, light_, rounded_;
};

}  // namespace speedster::plugin
