#include "search/tune.h"

#include <algorithm>

#include "measure/block_policy.h"
#include "search/entrants.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

// Seconds for all looks, where the first is always had, and the part of a time budget's rest that one may take.
constexpr double kSeconds = 4, kShare = 0.1;
constexpr const char* kEvent = "threads";

/// About what a look takes: two loads, and blocks of both.
double seconds_of_look(const Session& session, const Candidate& candidate) {
  const double call = candidate.row.race_latency.value_or(candidate.rough_seconds);
  return 2 * candidate.row.load_seconds.value_or(0) +
         2 * kBlocksOfALook * measure::block_seconds(load_profile(session), call);
}

std::string words_for(int threads) { return std::to_string(threads) + (threads == 1 ? " thread" : " threads"); }

/// Time with so many threads as a part of the time with the search's own; 0 where it cannot be told.
Result<double> part_with(Session& session, const Candidate& candidate, int threads) {
  const std::string subject = candidate.digest + ":" + std::to_string(threads);
  if (const auto known = session.journal->find(kEvent, subject); known && known->is_number())
    return known->get<double>();
  ServeSpec fewer = session.serve_spec(candidate, "threads");
  fewer.threads = threads;
  const std::vector<double> seconds = look(session, {session.serve_spec(candidate, "threads"), fewer});
  const double part = seconds[0] > 0 ? seconds[1] / seconds[0] : 0;
  if (part > 0) SPEEDSTER_TRY(session.journal->record(kEvent, subject, part));
  return part;
}

}  // namespace

std::vector<int> fewer_threads(int threads, int concurrency) {
  std::vector<int> numbers;
  for (const int number : {1, threads / std::max(concurrency, 1), threads / 2})
    if (number >= 1 && number < threads && std::ranges::find(numbers, number) == numbers.end())
      numbers.push_back(number);
  std::ranges::sort(numbers);
  return numbers;
}

Result<std::vector<Candidate>> tune(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                                    const std::vector<std::size_t>& finalists,
                                    const std::function<Candidate(compiler::Recipe)>& make) {
  std::vector<Candidate> tuned;
  const std::vector<int> numbers = fewer_threads(session.threads, session.request->concurrency);
  const double started = now_seconds();
  for (const std::size_t index : finalists) {
    const Candidate& base = candidates[index];
    if (session.threads_of(base.recipe) != session.threads) continue;
    const double expected = seconds_of_look(session, base) * static_cast<double>(numbers.size());
    if (session.stopping() || (session.total.limited() && expected > kShare * session.total.left())) break;
    if (index != finalists.front() && now_seconds() - started + expected > kSeconds) break;
    int best = 0;
    double least = kFasterInALook;
    for (const int threads : numbers) {
      SPEEDSTER_ASSIGN(const double part, part_with(session, base, threads));
      if (part > 0 && part < least) least = part, best = threads;
    }
    if (best == 0) continue;
    compiler::Recipe recipe = base.recipe;
    recipe.name += "-" + std::to_string(best) + "t";
    recipe.threads = best;
    recipe.techniques.push_back(words_for(best));
    Candidate candidate = make(std::move(recipe));
    SPEEDSTER_TRY(prepare(session, candidate));
    if (!candidate.out) SPEEDSTER_TRY(jury.check(candidate));
    if (candidate.out || qualify(session, candidate) != Standing::kContender) continue;
    if (base.row.race_latency) candidate.row.race_latency = *base.row.race_latency * least;
    candidate.row.load_seconds = base.row.load_seconds;
    session.tell(candidate.recipe.name + ": " + short_number(1 / least) + " times the speed of " +
                 words_for(session.threads));
    tuned.push_back(std::move(candidate));
  }
  return tuned;
}

}  // namespace speedster::search
