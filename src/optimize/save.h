/// Writes the outcome of a search as a package.
#pragma once
#include "search/search.h"

namespace speedster::saving {

/// Variants in order: the winner, other confirmed ones that need less of a machine, the original last. Sets the
/// report's package and manifest digest; the report itself is in the package too.
Result<void> save(search::Session& session, search::Outcome& outcome);

}  // namespace speedster::saving
