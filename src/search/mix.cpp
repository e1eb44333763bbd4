#include "search/mix.h"

#include <algorithm>
#include <cmath>

#include "compressor/sensitivity.h"
#include "search/give_back.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

constexpr const char* kStep = "quantize-static";
// Without a time budget: the part of the search so far that may go into it, and what it may take anyhow. The first
// trial of the first base is always made.
constexpr double kShare = 0.35, kLeastSeconds = 12;
// An int8 model must be faster than the fastest that holds by this factor before it is worth mixing.
constexpr double kWorthwhile = 0.97;
// Blocks of calls for that look; the fastest counts.
constexpr int kBlocks = 3;

/// The step that takes the nodes to leave out; the end where there is none.
auto quantizing_step(auto& recipe) { return std::ranges::find(recipe.steps, kStep, &compiler::StepSpec::step); }

bool is_int8(const Candidate& candidate) { return candidate.recipe.requested_precision == "static-int8"; }

bool holds(const Candidate& candidate) {
  return !candidate.out && candidate.searched && candidate.row.fate != CandidateFate::kOverBudget;
}

class Mixer {
 public:
  Mixer(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
        const std::function<Candidate(compiler::Recipe)>& make)
      : session_(session), jury_(jury), candidates_(candidates), make_(make) {}

  Result<Mixes> run() {
    for (const Candidate* base : bases()) {
      if (session_.stopping() || (!mixes_.maps.empty() && out_of_time(0))) break;
      SPEEDSTER_TRY(mix(*base));
    }
    return std::move(mixes_);
  }

 private:
  /// For each backend whose int8 models are all over the budget, the one that loses least.
  std::vector<const Candidate*> bases() const {
    std::map<std::string, const Candidate*> best;
    std::set<std::string> served;
    for (const Candidate& candidate : candidates_) {
      if (!is_int8(candidate)) continue;
      if (holds(candidate)) served.insert(candidate.recipe.backend);
      if (candidate.row.fate != CandidateFate::kOverBudget || !candidate.searched ||
          quantizing_step(candidate.recipe) == candidate.recipe.steps.end())
        continue;
      const Candidate*& known = best[candidate.recipe.backend];
      if (known == nullptr || better(candidate, *known)) known = &candidate;
    }
    std::vector<const Candidate*> bases;
    for (const auto& [backend, candidate] : best)
      if (!served.contains(backend)) bases.push_back(candidate);
    std::ranges::stable_sort(bases, {}, &Candidate::rough_seconds);
    return bases;
  }

  bool out_of_time(double next) const {
    const double allowed = std::max(kLeastSeconds, kShare * (started_ - session_.started));
    return !session_.total.limited() && now_seconds() - started_ + next > allowed;
  }

  /// The rest in half precision costs less where the processor has it; else who loses less has less to give back.
  static bool better(const Candidate& one, const Candidate& other) {
    const bool half = one.recipe.options.at("precision") != "fp32";
    if (half != (other.recipe.options.at("precision") != "fp32")) return half;
    return one.searched->value < other.searched->value;
  }

  /// Seconds of a call, with nothing else running; 0 where it cannot be told.
  double seconds_of(const Candidate& candidate) const {
    auto child = ServedPackage::start(*session_.supervisor, session_.serve_spec(candidate, "mix"), session_.deadline,
                                      session_.cancel);
    if (!child.ok()) return 0;
    measure::BlockSpec spec;
    spec.concurrency = session_.request->concurrency;
    const auto samples = samples::spread_over(session_.split.search, kTimedSamples);
    double best = 0;
    for (int i = 0; i < kBlocks; ++i) {
      const auto block = child->block(spec, samples, session_.deadline, session_.cancel);
      if (!block.ok()) return 0;
      if (best == 0 || block->value < best) best = block->value;
    }
    return best;
  }

  /// Whether the base is fast enough that something between it and floating point may win.
  bool promises(const Candidate& base) {
    if (!fastest_) {
      std::vector<const Candidate*> those;
      for (const Candidate& candidate : candidates_)
        if (holds(candidate) && candidate.rough_seconds > 0) those.push_back(&candidate);
      std::ranges::stable_sort(those, {}, &Candidate::rough_seconds);
      if (those.size() > 2) those.resize(2);
      fastest_ = HUGE_VAL;
      for (const Candidate* candidate : those) note_holder(*candidate);
    }
    const double seconds = seconds_of(base);
    return seconds == 0 || seconds < kWorthwhile * *fastest_;
  }

  void note_holder(const Candidate& candidate) {
    if (const double seconds = seconds_of(candidate); seconds > 0) fastest_ = std::min(*fastest_, seconds);
  }

  Result<void> mix(const Candidate& base) {
    if (!promises(base)) {
      mixes_.notes.push_back(base.recipe.name +
                             " was not mixed with higher precision: it is hardly faster than what holds the budget");
      return {};
    }
    session_.tell(base.recipe.name + ": looking at what each layer loses");
    auto found = sensitivities_of(session_, base);
    if (!found.ok()) {
      if (found.error().kind() == ErrorKind::kCancelled || found.error().kind() == ErrorKind::kNoSpace)
        return std::move(found).error();
      if (!session_.stopping())
        mixes_.notes.push_back(base.recipe.name +
                               " was not mixed with higher precision: " + found.error().full_message());
      return {};
    }
    std::vector<GiveBackNode> nodes;
    for (const compressor::NodeSensitivity& node : found->nodes) nodes.push_back({node.error, node.seconds});
    GiveBack search(std::move(nodes), session_.budget.drop.value_or(0), base.searched->value);
    PrecisionMap map;
    map.base = base.recipe.name;
    map.base_drop = base.searched->value;
    map.rest = base.recipe.options.at("precision");
    std::optional<Candidate> best;
    double longest = 0;
    while (const auto set = search.next()) {
      const double begin = now_seconds();
      if (session_.stopping()) break;
      if (!map.trials.empty() && out_of_time(longest)) break;
      Candidate trial = trial_of(base, *found, *set);
      SPEEDSTER_TRY(prepare(session_, trial));
      if (!trial.out) SPEEDSTER_TRY(jury_.check(trial));
      longest = std::max(longest, now_seconds() - begin);
      if (trial.out || !trial.searched) {
        if (trial.row.fate == CandidateFate::kFailed)
          mixes_.notes.push_back(trial.recipe.name + ": " + trial.row.reason);
        break;
      }
      const bool held = qualify(session_, trial) == Standing::kContender;
      search.tell(trial.searched->value, held);
      map.trials.push_back({set->size(), trial.searched->value, held});
      session_.tell(trial.recipe.name + ": " + std::to_string(set->size()) + " of " +
                    std::to_string(found->nodes.size()) + " layers back, drop " + short_number(trial.searched->value) +
                    (held ? ", holds" : ""));
      if (held) best = std::move(trial);
    }
    note(map, *found, search.best(), best);
    if (best) {
      note_holder(*best);
      mixes_.candidates.push_back(*std::move(best));
    }
    mixes_.maps.push_back(std::move(map));
    return {};
  }

  Candidate trial_of(const Candidate& base, const compressor::Sensitivities& found,
                     const std::vector<std::size_t>& set) const {
    compiler::Recipe recipe = base.recipe;
    // "openvino-static-int8-minmax-bf16" becomes "openvino-mixed-int8-minmax-bf16".
    const std::size_t word = recipe.name.find("static-int8");
    recipe.name = word == std::string::npos ? recipe.name + "-mixed" : recipe.name.replace(word, 6, "mixed");
    Json names = Json::array();
    for (const std::size_t node : set) names.push_back(found.nodes[node].node);
    quantizing_step(recipe)->options["exclude_nodes"] = std::move(names);
    recipe.techniques.push_back(std::to_string(set.size()) + " of " + std::to_string(found.nodes.size()) +
                                " layers back in " + recipe.options.at("precision"));
    return make_(std::move(recipe));
  }

  /// The map: what is known of each layer, and what became of it.
  void note(PrecisionMap& map, const compressor::Sensitivities& found,
            const std::optional<std::vector<std::size_t>>& given_back, const std::optional<Candidate>& best) const {
    map.candidate = best ? best->recipe.name : "";
    map.drop = best ? std::optional(best->searched->value) : std::nullopt;
    for (std::size_t i = 0; i < found.nodes.size(); ++i) {
      const compressor::NodeSensitivity& node = found.nodes[i];
      const bool back = best && given_back && std::ranges::binary_search(*given_back, i);
      PrecisionLayer layer;
      layer.name = node.node;
      layer.group = node.group;
      layer.loses = std::sqrt(node.error);
      layer.measured_alone = node.alone;
      layer.seconds = node.seconds;
      layer.given_back = back;
      map.layers.push_back(std::move(layer));
    }
  }

  Session& session_;
  Jury& jury_;
  const std::vector<Candidate>& candidates_;
  const std::function<Candidate(compiler::Recipe)>& make_;
  const double started_ = now_seconds();
  std::optional<double> fastest_;  ///< seconds of what holds the budget
  Mixes mixes_;
};

}  // namespace

Result<Mixes> mix(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                  const std::function<Candidate(compiler::Recipe)>& make) {
  return Mixer(session, jury, candidates, make).run();
}

}  // namespace speedster::search
