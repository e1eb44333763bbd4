#include "search/mix.h"

#include <algorithm>
#include <cmath>

#include "compressor/sensitivity.h"
#include "search/entrants.h"
#include "search/give_back.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

constexpr const char* kStep = "quantize-static";
// Without a time budget: the part of the search so far that may go into it, and what it may take anyhow. It does
// not stop the first trial of the first base.
constexpr double kShare = 0.35, kLeastSeconds = 12;
// Where the quantizer adds these, int8 loses less (docs/design/quantization.md has what they bring, and what they
// cost).
constexpr const char *kMigration = "migrate-scales", *kCorrection = "bias_correction";
// Of the time of all layers, where that much went back.
constexpr double kMuch = 0.3;
// Records of the journal: the base's time as a part of the fastest that holds, and where the time for trials ended.
constexpr const char *kPart = "mix part", *kTrials = "mix trials";

/// The step that takes the nodes to leave out; the end where there is none.
auto quantizing_step(auto& recipe) { return std::ranges::find(recipe.steps, kStep, &compiler::StepSpec::step); }

bool is_int8(const Candidate& candidate) { return candidate.recipe.requested_precision == "static-int8"; }

bool holds(const Candidate& candidate) {
  return !candidate.out && candidate.searched && candidate.row.fate != CandidateFate::kOverBudget &&
         candidate.row.fate != CandidateFate::kOverLimit;
}

class Mixer {
 public:
  Mixer(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
        const std::function<Candidate(compiler::Recipe)>& make)
      : session_(session), jury_(jury), candidates_(candidates), make_(make) {}

  Result<Mixes> run() {
    for (const Candidate* base : bases()) {
      if (session_.stopping() || trials_known(trials_subject(*base)) == 0) break;
      if (!mixes_.maps.empty() && out_of_time(0)) {
        SPEEDSTER_TRY(session_.journal->record(kTrials, trials_subject(*base), 0U));
        break;
      }
      SPEEDSTER_ASSIGN(const Outcome outcome, mix(*base));
      if (outcome == Outcome::kMoreToGain) SPEEDSTER_TRY(lose_less(*base));
    }
    return std::move(mixes_);
  }

 private:
  enum class Outcome { kHeld, kMoreToGain, kNotWorthIt };

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

  /// What the base is measured against: of those that hold the one that was expected to be fastest, which the plan has
  /// first, and the two that seemed fastest, which jobs beside them may have disturbed; and what was mixed before. No
  /// more than fit into memory beside the base.
  std::vector<const Candidate*> holders() const {
    std::vector<const Candidate*> those;
    for (const Candidate& candidate : candidates_)
      if (holds(candidate) && candidate.rough_seconds > 0) those.push_back(&candidate);
    if (!those.empty()) std::ranges::stable_sort(those.begin() + 1, those.end(), {}, &Candidate::rough_seconds);
    if (those.size() > 3) those.resize(3);
    for (const Candidate& candidate : mixes_.candidates) those.insert(those.begin(), &candidate);
    const auto room = static_cast<std::size_t>(policy_of(session_, candidates_).max_live - 1);
    if (those.size() > room) those.resize(room);
    return those;
  }

  /// A call of the base as a part of one of the fastest that holds the budget; 0 where it cannot be told. What an
  /// earlier search of the same question measured stands.
  Result<double> part_of_fastest(const Candidate& base) {
    const std::vector<const Candidate*> against = holders();
    std::string subject = base.digest;
    for (const Candidate* holder : against) subject += ":" + holder->digest;
    if (const auto known = session_.journal->find(kPart, subject); known && known->is_number())
      return known->get<double>();
    // In turns: one after the other they would meet another machine each.
    std::vector<ServeSpec> specs{session_.serve_spec(base, "mix")};
    for (const Candidate* holder : against) specs.push_back(session_.serve_spec(*holder, "mix"));
    const std::vector<double> seconds = look(session_, specs);
    if (against.empty() || seconds.front() <= 0) return 0.0;
    const double part = seconds.front() / *std::min_element(seconds.begin() + 1, seconds.end());
    SPEEDSTER_TRY(session_.journal->record(kPart, subject, part));
    return part;
  }

  /// Another budget is another question.
  std::string trials_subject(const Candidate& base) const {
    return base.digest + ":" + std::to_string(session_.budget.drop.value_or(0));
  }

  /// How many trials an earlier search made before its time for them ended.
  std::optional<std::size_t> trials_known(const std::string& subject) const {
    if (session_.total.limited()) return std::nullopt;  // its own end counts
    const auto known = session_.journal->find(kTrials, subject);
    if (!known || !known->is_number_unsigned()) return std::nullopt;
    return known->get<std::size_t>();
  }

  /// Where so many layers would go back that little is left: the same with what makes all of it lose less, and layers
  /// back from there.
  Result<void> lose_less(const Candidate& base) {
    if (session_.stopping()) return {};
    const std::string subject = trials_subject(base) + ":" + kMigration;
    if (trials_known(subject) == 0) return {};
    if (out_of_time(0)) return session_.journal->record(kTrials, subject, 0U);
    Candidate finer = make_(losing_less(base.recipe));
    SPEEDSTER_TRY(prepare(session_, finer));
    if (!finer.out) SPEEDSTER_TRY(jury_.check(finer));
    const bool holds = qualify(session_, finer) == Standing::kContender;
    // Above a limit it would only grow with layers back.
    if (!holds && (finer.out || !finer.searched || finer.row.fate == CandidateFate::kOverLimit)) {
      if (!session_.stopping()) mixes_.notes.push_back(finer.recipe.name + ": " + finer.row.reason);
      return {};
    }
    const double drop = finer.searched->value, before = base.searched->value;
    session_.tell(finer.recipe.name + ": drop " + short_number(drop) + (holds ? ", holds" : ""));
    if (holds) {
      mixes_.candidates.push_back(std::move(finer));
      return {};
    }
    mixes_.notes.push_back(finer.recipe.name + " loses " + short_number(drop) + " instead of " + short_number(before) +
                           " and is over the budget, too");
    if (drop >= before) return {};
    SPEEDSTER_TRY(mix(finer));
    return {};
  }

  Result<Outcome> mix(const Candidate& base) {
    const auto not_mixed = [&](const std::string& why) {
      mixes_.notes.push_back(base.recipe.name + " was not mixed with higher precision: " + why);
    };
    SPEEDSTER_ASSIGN(const double part, part_of_fastest(base));
    if (part > kFasterInALook) {
      not_mixed("it is hardly faster than what holds the budget");
      return Outcome::kNotWorthIt;
    }
    session_.tell(base.recipe.name + ": looking at what each layer loses");
    auto found = sensitivities_of(session_, base);
    if (!found.ok()) {
      if (found.error().kind() == ErrorKind::kCancelled || found.error().kind() == ErrorKind::kNoSpace)
        return std::move(found).error();
      if (!session_.stopping()) not_mixed(found.error().full_message());
      return Outcome::kMoreToGain;
    }
    std::vector<GiveBackNode> nodes;
    for (const compressor::NodeSensitivity& node : found->nodes) nodes.push_back({node.error, node.seconds});
    GiveBack search(std::move(nodes), session_.budget.drop.value_or(0), base.searched->value);
    PrecisionMap map;
    map.base = base.recipe.name;
    map.base_drop = base.searched->value;
    map.rest = base.recipe.options.at("precision");
    std::optional<Candidate> best;
    const std::optional<std::size_t> most = trials_known(trials_subject(base));
    double longest = 0;
    while (const auto set = search.next()) {
      const double begin = now_seconds();
      if (session_.stopping() || (most && map.trials.size() >= *most)) break;
      if (part + search.share(*set) * (1 - part) > kFasterInALook) {
        if (map.trials.empty()) not_mixed("so much would have to go back that little of its speed would be left");
        break;
      }
      if (!map.trials.empty() && out_of_time(longest)) {
        SPEEDSTER_TRY(session_.journal->record(kTrials, trials_subject(base), map.trials.size()));
        break;
      }
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
      if (trial.row.fate == CandidateFate::kOverLimit) break;  // with more given back it only grows
      if (held) best = std::move(trial);
    }
    note(map, *found, search.best(), best);
    mixes_.maps.push_back(std::move(map));
    if (!best) return Outcome::kMoreToGain;
    mixes_.candidates.push_back(*std::move(best));
    return search.share(search.best().value_or(std::vector<std::size_t>())) < kMuch ? Outcome::kHeld
                                                                                    : Outcome::kMoreToGain;
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

  /// "openvino-static-int8-minmax-bf16" becomes "openvino-migrated-int8-percentile-bf16".
  static compiler::Recipe losing_less(compiler::Recipe recipe) {
    const auto step = quantizing_step(recipe);
    for (const auto& [from, to] :
         {std::pair<std::string_view, std::string_view>("static-int8", "migrated-int8"), {"minmax", "percentile"}})
      if (const std::size_t at = recipe.name.find(from); at != std::string::npos)
        recipe.name.replace(at, from.size(), to);
    step->options["calibration"] = "percentile";
    step->options[kCorrection] = true;
    Json options = {{"exclude", step->options.value("exclude", Json::array())}};
    // OpenVINO takes the factors into its own quantization; ONNX Runtime would multiply.
    if (recipe.backend == "openvino") options["insert"] = true;
    recipe.steps.insert(step, {kMigration, "", std::move(options)});
    recipe.techniques.emplace_back("scales migrated into the weights, biases corrected");
    return recipe;
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
  Mixes mixes_;
};

}  // namespace

Result<Mixes> mix(Session& session, Jury& jury, const std::vector<Candidate>& candidates,
                  const std::function<Candidate(compiler::Recipe)>& make) {
  return Mixer(session, jury, candidates, make).run();
}

}  // namespace speedster::search
