/// Settings of the survivors: where the user left the number of threads open, other uses of the same cores are tried on
/// the race's fastest. Small models lose more to the hand-over between threads than they gain, callers at once have
/// cores of their own to use, and in a graph with branches nodes may run side by side.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "search/contest.h"
#include "search/jury.h"

namespace speedster::search {

/// Numbers of threads below the search's own that are worth a look, the fewest first.
std::vector<int> fewer_threads(int threads, int concurrency);

/// Another way to run a candidate.
struct Setting {
  std::string suffix;  ///< of the candidate's name: "1t", "inter2", "2streams"
  std::string words;   ///< for people: "1 thread"
  int threads = 1;
  std::map<std::string, std::string> options;  ///< load options beside them
};
/// What is worth a look for a backend that knows these load options. `fixed` are those that the user set.
std::vector<Setting> other_settings(int threads, int concurrency, const std::set<std::string>& known,
                                    const std::map<std::string, std::string>& fixed);

/// Finalists whose calls a look found faster with other settings, as candidates of their own, checked on the search
/// samples. `finalists` are the race's, fastest first. `make` turns a recipe into a candidate of this search.
/// Errors are those of the jury and of prepare().
Result<std::vector<Candidate>> tune(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                                    const std::vector<std::size_t>& finalists,
                                    const std::map<std::string, compiler::Availability>& backends,
                                    const std::function<Candidate(compiler::Recipe)>& make);

}  // namespace speedster::search
