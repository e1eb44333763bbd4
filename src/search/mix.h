/// Precision layer by layer: where a backend's int8 models all break the budget, some of their nodes go back to
/// floating point until one holds it. docs/design/precision-search.md has the reasons.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "search/jury.h"
#include "search/session.h"

namespace speedster::search {

struct Mixes {
  std::vector<Candidate> candidates;  ///< one for each backend at most, checked on the search samples
  std::vector<PrecisionMap> maps;     ///< of these, and of backends where nothing held
  std::vector<std::string> notes;
};

/// `make` turns a recipe into a candidate of this search. Errors are those of the jury and of prepare().
Result<Mixes> mix(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                  const std::function<Candidate(compiler::Recipe)>& make);

}  // namespace speedster::search
