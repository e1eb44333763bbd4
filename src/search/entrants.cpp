#include "search/entrants.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"

namespace speedster::search {
namespace {

constexpr std::uint64_t kLeastLive = 4;

std::uint64_t peak_of(const Candidate& candidate) {
  return std::max(candidate.row.peak_memory_bytes, candidate.notes->peak_memory);
}

}  // namespace

measure::Policy policy_of(const Session& session, const std::vector<Candidate>& candidates) {
  measure::Policy policy;
  policy.block = load_profile(session);
  policy.seed = session.request->seed;
  std::uint64_t largest = 1;
  for (const Candidate& candidate : candidates) largest = std::max(largest, peak_of(candidate));
  const std::uint64_t fit = hardware::available_memory() / largest;
  policy.max_live =
      static_cast<int>(std::clamp<std::uint64_t>(fit, kLeastLive, static_cast<std::uint64_t>(policy.max_live)));
  return policy;
}

measure::BlockSpec load_profile(const Session& session) {
  measure::BlockSpec block;
  block.concurrency = session.request->concurrency;
  block.interval_seconds = session.request->interval_seconds;
  block.mix = session.call_shapes;
  return block;
}

std::vector<double> look(const Session& session, const std::vector<ServeSpec>& specs) {
  std::vector<ServedPackage> children;
  const std::vector<double> unknown(specs.size(), 0);
  for (const ServeSpec& spec : specs) {
    auto child = ServedPackage::start(*session.supervisor, spec, session.deadline, session.cancel);
    if (!child.ok()) return unknown;
    child->watch_memory(false);
    if (!child->pause().ok()) return unknown;
    children.push_back(*std::move(child));
  }
  const TimingContext context = timing_of(session);
  std::vector<double> fastest(specs.size(), HUGE_VAL);
  for (int round = 0; round < kBlocksOfALook; ++round)
    for (std::size_t i = 0; i < children.size(); ++i) {
      const auto block = children[i].block(load_profile(session), context.samples, session.deadline, session.cancel);
      if (!block.ok()) return unknown;
      fastest[i] = std::min(fastest[i], block->value);
    }
  return fastest;
}

TimingContext timing_of(const Session& session) {
  TimingContext context;
  context.supervisor = session.supervisor.get();
  context.cancel = session.cancel;
  context.deadline = session.deadline;
  context.samples = samples::spread_over(session.split.search, kTimedSamples);
  return context;
}

measure::Entrant entrant_of(const Session& session, const Candidate& candidate, const std::string& purpose) {
  measure::Entrant entrant;
  entrant.name = candidate.digest;
  entrant.load = load_served(timing_of(session), session.serve_spec(candidate, purpose), candidate.notes);
  if (candidate.searched) entrant.drop = std::max(0.0, candidate.searched->value);
  if (candidate.judged) entrant.drop = std::max(0.0, candidate.judged->value);
  entrant.may_fall = candidate.reduced && !candidate.judged;
  entrant.memory = static_cast<double>(peak_of(candidate));
  entrant.size = static_cast<double>(candidate.row.model_bytes);
  if (candidate.row.race_latency) entrant.call_seconds = *candidate.row.race_latency;
  if (candidate.row.load_seconds) entrant.load_seconds = *candidate.row.load_seconds;
  return entrant;
}

std::string subject_of(const std::string& kind, const Candidate& original, const std::vector<std::string>& digests) {
  std::set<std::string> sorted(digests.begin(), digests.end());
  return kind + ":" + original.digest + ":" + join(sorted, ",");
}

}  // namespace speedster::search
