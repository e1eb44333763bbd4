#include "search/tune.h"

#include <algorithm>

#include "measure/block_policy.h"
#include "search/entrants.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

// Seconds for all looks, where the first is always had, and the part of a time budget's rest that one may take.
constexpr double kSeconds = 4, kShare = 0.1;
constexpr const char* kEvent = "settings";

/// About what a look takes: two loads, and blocks of both.
double seconds_of_look(const Session& session, const Candidate& candidate) {
  const double call = candidate.row.race_latency.value_or(candidate.rough_seconds);
  return 2 * candidate.row.load_seconds.value_or(0) +
         2 * kBlocksOfALook * measure::block_seconds(load_profile(session), call);
}

/// "1 thread", "2 threads".
std::string words_for(int count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// Time with a setting as a part of the time with the search's own; 0 where it cannot be told.
Result<double> part_with(Session& session, const Candidate& candidate, const Setting& setting) {
  const std::string subject = candidate.digest + ":" + setting.suffix;
  if (const auto known = session.journal->find(kEvent, subject); known && known->is_number())
    return known->get<double>();
  ServeSpec other = session.serve_spec(candidate, kEvent);
  other.threads = setting.threads;
  for (const auto& [key, value] : setting.options) other.options[key] = value;
  const std::vector<double> seconds = look(session, {session.serve_spec(candidate, kEvent), other});
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

std::vector<Setting> other_settings(int threads, int concurrency, const std::set<std::string>& known,
                                    const std::map<std::string, std::string>& fixed) {
  const auto open = [&](const char* option) { return known.contains(option) && !fixed.contains(option); };
  std::vector<Setting> settings;
  for (const int fewer : fewer_threads(threads, concurrency))
    settings.push_back({std::to_string(fewer) + "t", words_for(fewer, "thread"), fewer, {}});
  // The cores that one node had, for two.
  if (open("inter_threads") && threads >= 2 && concurrency == 1)
    settings.push_back({"inter2", "two nodes side by side", threads / 2, {{"inter_threads", "2"}}});
  // One caller uses one stream; callers at once have one each unless something else is faster.
  const int usual = std::min(threads, concurrency);
  if (open("streams") && concurrency > 1)
    for (const int streams : {1, threads})
      if (streams != usual)
        settings.push_back({std::to_string(streams) + "streams",
                            words_for(streams, "stream"),
                            threads,
                            {{"streams", std::to_string(streams)}}});
  return settings;
}

Result<std::vector<Candidate>> tune(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                                    const std::vector<std::size_t>& finalists,
                                    const std::map<std::string, compiler::Availability>& backends,
                                    const std::function<Candidate(compiler::Recipe)>& make) {
  std::vector<Candidate> tuned;
  const double started = now_seconds();
  for (const std::size_t index : finalists) {
    const Candidate& base = candidates[index];
    if (session.threads_of(base.recipe) != session.threads) continue;
    const std::vector<Setting> settings =
        other_settings(session.threads, session.request->concurrency, backends.at(base.recipe.backend).options,
                       session.request->session);
    if (settings.empty()) continue;
    const double expected = seconds_of_look(session, base) * static_cast<double>(settings.size());
    if (session.stopping() || (session.total.limited() && expected > kShare * session.total.left())) break;
    if (index != finalists.front() && now_seconds() - started + expected > kSeconds) break;
    const Setting* best = nullptr;
    double least = kFasterInALook;
    for (const Setting& setting : settings) {
      SPEEDSTER_ASSIGN(const double part, part_with(session, base, setting));
      if (part > 0 && part < least) least = part, best = &setting;
    }
    if (!best) continue;
    compiler::Recipe recipe = base.recipe;
    recipe.name += "-" + best->suffix;
    recipe.threads = best->threads;
    for (const auto& [key, value] : best->options) recipe.options[key] = value;
    recipe.techniques.push_back(best->words);
    Candidate candidate = make(std::move(recipe));
    SPEEDSTER_TRY(prepare(session, candidate));
    if (!candidate.out) SPEEDSTER_TRY(jury.check(candidate));
    if (candidate.out || qualify(session, candidate) != Standing::kContender) continue;
    if (base.row.race_latency) candidate.row.race_latency = *base.row.race_latency * least;
    candidate.row.load_seconds = base.row.load_seconds;
    session.tell(candidate.recipe.name + ": " + short_number(1 / least) + " times the speed of " +
                 words_for(session.threads, "thread"));
    tuned.push_back(std::move(candidate));
  }
  return tuned;
}

}  // namespace speedster::search
