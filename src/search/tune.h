/// Threads of the survivors: where the user left their number open, fewer are tried on the race's fastest. Small models
/// lose more to the hand-over than they gain, and callers at once have cores of their own to use.
#pragma once
#include <functional>
#include <vector>

#include "search/contest.h"
#include "search/jury.h"

namespace speedster::search {

/// Numbers of threads below the search's own that are worth a look, the fewest first.
std::vector<int> fewer_threads(int threads, int concurrency);

/// Finalists whose calls a look found faster with another number of threads, as candidates of their own, checked on the
/// search samples. `finalists` are the race's, fastest first. `make` turns a recipe into a candidate of this search.
/// Errors are those of the jury and of prepare().
Result<std::vector<Candidate>> tune(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                                    const std::vector<std::size_t>& finalists,
                                    const std::function<Candidate(compiler::Recipe)>& make);

}  // namespace speedster::search
