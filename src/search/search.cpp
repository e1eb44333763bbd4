#include "search/search.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/digest.h"
#include "base/text.h"
#include "compiler/priors.h"
#include "compressor/match.h"
#include "onnx/model.h"
#include "rewrite/rewrite.h"
#include "search/availability.h"
#include "search/contest.h"
#include "search/jury.h"
#include "search/limits.h"
#include "search/mix.h"
#include "search/rows.h"
#include "search/tune.h"
#include "search/workshop.h"
#include "tensor/copy.h"
#include "toolchain/toolchain.h"

namespace speedster::search {
namespace {

// Shares of a time budget at which the stages end; what is left confirms and saves.
constexpr double kMakeShare = 0.49, kMixShare = 0.53, kRaceShare = 0.58, kTuneShare = 0.62, kJudgeShare = 0.70,
                 kConfirmShare = 0.90, kTailShare = 0.94;
// Where nothing comes after the confirmation but saving: what it may end at then.
constexpr double kConfirmShareWithoutCorners = 0.95;
// What a look at the original's other settings may take, before any candidate is made.
constexpr double kDefaultsShare = 0.15;
// Where the leader broke the budget while it was judged.
constexpr double kSecondRaceShare = 0.76, kSecondJudgeShare = 0.81;
constexpr const char *kCorners = "corners", *kMix = "mix", *kTune = "tune";  // stages that --exclude may name
constexpr std::size_t kExpectedSamples = 3;
constexpr std::uint64_t kExpectedBytes = std::uint64_t{8} << 20U;

class Search {
 public:
  explicit Search(Session& session) : session_(session) {}

  Result<Outcome> run() {
    Contest contest;
    if (!has_corners()) session_.stretch = kConfirmShareWithoutCorners / kConfirmShare;
    if (auto done = stages(contest); !done.ok()) {
      // Cancelling is an outcome: what was found out until then is in the report and in the journal.
      if (!session_.cancel.cancelled() || done.error().kind() != ErrorKind::kCancelled) return std::move(done).error();
    }
    if (session_.cancel.cancelled())
      for (Candidate& candidate : candidates_)
        if (!candidate.out && candidate.row.reason.empty()) retire(candidate, CandidateFate::kNotTried, "cancelled");
    session_.end_stage();
    return finish(contest);
  }

 private:
  Result<void> stages(Contest& contest) {
    SPEEDSTER_TRY(make_plan());
    SPEEDSTER_ASSIGN(const bool answers, start_original());
    if (!answers) return {};
    SPEEDSTER_TRY(make_and_check());
    sort_contenders();
    SPEEDSTER_TRY(mix_precisions());
    hold_back_corners();
    for (bool again = false;; again = true) {
      SPEEDSTER_TRY(race_and_judge(contest, again));
      SPEEDSTER_TRY(confirm(contest));
      const bool somebody_won = !ranked_.empty();
      SPEEDSTER_TRY(declare(contest));
      // All that won failed at a corner of the shapes or a limit: those that lost the race to them get their chance.
      if (!somebody_won || !ranked_.empty() || !contest.raced || !time_for_another() || !give_another_chance())
        return {};
    }
  }

  Result<void> confirm(Contest& contest) {
    original_outputs_->rest();  // no other child of ours is loaded while finalists are timed
    session_.enter("confirm", kConfirmShare);
    SPEEDSTER_TRY(confirm_stage(session_, candidates_, original_, defaults_, contest));
    ranked_ = ranking(candidates_, contest);
    return {};
  }

  bool time_for_another() const { return !session_.cancel.cancelled() && !session_.end_of(kSecondJudgeShare).passed(); }

  /// Whoever only lost the race may race again. False where there is nobody.
  bool give_another_chance() {
    std::erase_if(contenders_, [&](std::size_t i) {
      const CandidateFate fate = candidates_[i].row.fate;
      const bool confirmed = fate == CandidateFate::kSlowerThanOriginal || fate == CandidateFate::kUndecided ||
                             fate == CandidateFate::kEquivalent;
      return confirmed || (candidates_[i].out && fate != CandidateFate::kSlower);
    });
    for (const std::size_t i : contenders_) {
      candidates_[i].out = false;
      candidates_[i].row.fate = CandidateFate::kNotTried;
      candidates_[i].row.reason.clear();
    }
    return !contenders_.empty();
  }

  /// Who leads the race may break the budget on samples that nobody saw before. Then those that lost to it get
  /// their chance.
  Result<void> race_and_judge(Contest& contest, bool again) {
    for (;; again = true) {
      session_.enter("race", again ? kSecondRaceShare : kRaceShare);
      const Deadline confirm_end = session_.end_of(kConfirmShare);
      if (again) {
        SPEEDSTER_ASSIGN(contest, race_again(session_, candidates_, original_, defaults_, contenders_, excluded_,
                                             confirm_end, std::move(contest)));
      } else {
        SPEEDSTER_ASSIGN(contest,
                         race_stage(session_, candidates_, original_, defaults_, contenders_, excluded_, confirm_end));
      }
      if (!again) SPEEDSTER_TRY(tune_settings(contest));
      session_.enter("judge", again ? kSecondJudgeShare : kJudgeShare);
      SPEEDSTER_ASSIGN(const bool another_race, judge(contest));
      if (!another_race) return {};
    }
  }

  /// Where the user left the number of threads open, the race's fastest with other settings are finalists, too.
  Result<void> tune_settings(Contest& contest) {
    if (!planned_ || session_.request->threads > 0 || session_.stage_excluded(kTune) || contest.finalists.empty())
      return {};
    session_.enter(kTune, kTuneShare);
    const auto make = [this](compiler::Recipe recipe) { return candidate_of(std::move(recipe)); };
    auto tuned = tune(session_, *jury_, candidates_, contest.finalists, backends_, make);
    if (!tuned.ok()) return or_originals(std::move(tuned).error());
    for (Candidate& candidate : *tuned) {
      contest.finalists.insert(contest.finalists.begin(), candidates_.size());
      contenders_.push_back(candidates_.size());
      candidates_.push_back(std::move(candidate));
    }
    std::ranges::stable_sort(contest.finalists, {}, [this](std::size_t index) {
      return candidates_[index].row.race_latency.value_or(HUGE_VAL);
    });
    session_.progress.candidates_total = session_.progress.candidates_done = static_cast<int>(candidates_.size());
    return {};
  }

  Candidate candidate_of(compiler::Recipe recipe) const {
    Candidate candidate;
    // Another release of the vendor is another candidate; ONNX Runtime makes the original and calibrates.
    const auto version_of = [this](const std::string& backend) {
      const auto vendor = session_.vendor_versions.find(backend);
      return vendor == session_.vendor_versions.end() ? "" : vendor->second;
    };
    candidate.digest = Sha256()
                           .field(to_text(compiler::to_json(recipe)))
                           .field(version_of(recipe.backend))
                           .field(version_of("onnxruntime"))
                           .hex();
    CandidateRow& row = candidate.row;
    row.name = recipe.name;
    row.backend = recipe.backend;
    row.techniques = recipe.techniques;
    row.requested_precision = recipe.requested_precision;
    row.options = recipe.options;
    row.threads = session_.threads_of(recipe);
    candidate.recipe = std::move(recipe);
    return candidate;
  }

  Result<void> make_plan() {
    session_.enter("plan", kMakeShare);
    const OptimizeRequest& request = *session_.request;
    job::Limits limits = session_.limits;
    limits.wall_seconds = request.candidate_timeout_seconds;
    std::map<std::string, std::string> probe_failures;  // the folder with repro.sh
    for (const BackendState& state :
         probe_backends(*session_.supervisor, session_.work, limits, session_.deadline, session_.cancel)) {
      backends_[state.name] = availability_of(state);
      session_.vendor_versions[state.name] = state.version;
      if (!state.failure.empty()) probe_failures[state.name] = state.failure;
      session_.load_options[state.name] = backends_[state.name].options;
    }
    compiler::Recipe original = compiler::original({});
    compiler::Recipe defaults = compiler::original_at_defaults(request.threads > 0);
    std::vector<compiler::Recipe> recipes;
    std::optional<compiler::CandidatesFile> file = session_.replayed;
    if (!request.candidates.empty()) {
      SPEEDSTER_ASSIGN(const std::string text, read_file(request.candidates, std::uint64_t{16} << 20U));
      SPEEDSTER_ASSIGN(file, compiler::read_candidates(text));
    }
    if (file) {
      SPEEDSTER_TRY(refuse_beside_file(request));
      recipes = std::move(file->candidates);
      if (file->original) {
        original = *file->original;
        original.name = "original";
        has_defaults_ = false;
        from_file_ = true;
      }
    } else {
      SPEEDSTER_ASSIGN(recipes, planned(original));
      planned_ = true;
    }
    session_.original = original;
    original_ = candidate_of(std::move(original));
    defaults_ = candidate_of(std::move(defaults));
    note_unused_patterns(recipes);
    for (compiler::Recipe& recipe : recipes) {
      if (compiler::matches_any(request.exclude, recipe.name)) continue;
      const std::string obstacle = recipe.not_possible;
      candidates_.push_back(candidate_of(std::move(recipe)));
      if (obstacle.empty()) continue;
      Candidate& impossible = candidates_.back();
      retire(impossible, CandidateFate::kNotPossible, obstacle);
      if (const auto failed = probe_failures.find(impossible.recipe.backend); failed != probe_failures.end())
        impossible.row.job_directory = failed->second;
    }
    session_.progress.candidates_total = static_cast<int>(candidates_.size());
    return {};
  }

  /// What chooses or changes the planned candidates has no meaning for those of a file.
  Result<void> refuse_beside_file(const OptimizeRequest& request) const {
    const std::pair<const char*, bool> others[] = {{"--candidates", session_.replayed && !request.candidates.empty()},
                                                   {"--backends", !request.backends.empty()},
                                                   {"--precisions", !request.precisions.empty()},
                                                   {"--exclude-nodes", !request.exclude_nodes.empty()},
                                                   {"--disable-pass", !request.disable_passes.empty()},
                                                   {"session settings", !request.session.empty()}};
    for (const auto& [name, given] : others)
      if (given)
        return Error(ErrorKind::kUsage,
                     std::string("[plan] expected ") + (session_.replayed ? "--recipe" : "--candidates") + " or " +
                         name + ", got both; try " +
                         (session_.replayed ? "one of them" : "to write them into the file's options and steps"));
    return {};
  }

  /// A misspelt --exclude would silently exclude nothing.
  void note_unused_patterns(const std::vector<compiler::Recipe>& recipes) {
    for (const std::string& pattern : session_.request->exclude) {
      const bool used =
          std::ranges::any_of(std::array{kCorners, kMix, kTune},
                              [&](const char* stage) { return compiler::matches_any({pattern}, stage); }) ||
          std::ranges::any_of(recipes, [&](const auto& one) { return compiler::matches_any({pattern}, one.name); });
      if (!used) notes_.push_back("--exclude " + pattern + " matches no candidate and no stage");
    }
  }

  Result<std::vector<compiler::Recipe>> planned(compiler::Recipe& original) {
    const OptimizeRequest& request = *session_.request;
    SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, onnx_model::OnnxModel::read(session_.model));
    compiler::PlanInput input;
    input.model = {model.operators(), model.weight_bytes()};
    for (const char* drawn :
         {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"})
      if (input.model.operators.contains(drawn))
        notes_.push_back(std::string("the model draws random numbers (") + drawn +
                         "): its outputs differ from call to call, and so do those of every candidate");
    input.machine = session_.machine;
    input.backends = backends_;
    input.toolchains = probe_toolchains();
    input.calibration_samples = session_.split.calibration.size();
    input.random_samples = session_.store.random();
    input.wanted_backends = request.backends;
    input.wanted_precisions = request.precisions;
    input.exclude_nodes = request.exclude_nodes;
    input.rewrite = !rewrite::disables_all(request.disable_passes);
    input.disabled_passes = request.disable_passes;
    std::ranges::sort(input.disabled_passes);
    input.session = request.session;
    input.priors = compiler::default_priors();
    if (!request.priors.empty()) {
      SPEEDSTER_ASSIGN(const std::string text, read_file(request.priors, std::uint64_t{1} << 20U));
      SPEEDSTER_ASSIGN(input.priors, compiler::read_priors(text));
    }
    for (const std::string& pattern : compressor::patterns_without_match(model, request.exclude_nodes))
      notes_.push_back("--exclude-nodes " + pattern + " matches no node, label or operator of the model");
    for (std::string& note : compiler::unknown_settings(input)) notes_.push_back(std::move(note));
    SPEEDSTER_ASSIGN(const auto session, compiler::session_of(input, original.backend));
    original = compiler::original(session);
    return compiler::plan(input);
  }

  /// The original must be made, load, and give numbers; what stops it stops the search. False where the time budget
  /// ends before it answers: it can be packaged then, but nothing compared to it.
  Result<bool> start_original() {
    session_.enter("original", kConfirmShare);
    SPEEDSTER_TRY(prepare(session_, original_));
    if (original_.out) {
      SPEEDSTER_TRY(
          original_failed(original_.error ? *original_.error : Error(ErrorKind::kTimeout, original_.row.reason)));
    }
    if (auto answers = first_answers(); !answers.ok()) {
      if (!session_.deadline.passed() || session_.cancel.cancelled()) return std::move(answers).error();
      for (Candidate& candidate : candidates_)
        if (!candidate.out)
          retire(candidate, CandidateFate::kNotTried, "time: the budget ended before the original ran");
      notes_.push_back("the time budget ended before the original had run: it is packaged unmeasured");
      return false;
    }
    if (has_defaults_) SPEEDSTER_TRY(start_defaults());
    return true;
  }

  /// The original at the vendor's own settings is another original only where it gives the same numbers in the same
  /// precision.
  Result<void> start_defaults() {
    const Deadline stage = std::exchange(session_.deadline, session_.end_of(kDefaultsShare));
    auto vouched = prepare(session_, defaults_);
    if (vouched.ok() && !defaults_.out) vouched = or_originals(jury_->vouch_for(defaults_, original_));
    session_.deadline = stage;
    SPEEDSTER_TRY(vouched);
    has_defaults_ = !defaults_.out;
    if (has_defaults_) return {};
    defaults_.package.clear();
    notes_.push_back("the original was not timed at ONNX Runtime's defaults: " + defaults_.row.reason);
    return {};
  }

  Result<void> first_answers() {
    auto child = ServedPackage::start(*session_.supervisor, session_.serve_spec(original_, "check"), session_.deadline,
                                      session_.cancel);
    if (!child.ok()) return original_failed(std::move(child).error());
    auto info = child->stats(session_.deadline, session_.cancel);
    if (!info.ok()) return original_failed(std::move(info).error());
    note_info(session_, original_, *info);
    session_.original_precision = original_.row.ran_precision == "unknown" ? "f32" : original_.row.ran_precision;
    original_.reduced = false;
    original_outputs_.emplace(session_, std::move(*child), session_.serve_spec(original_, "check"));
    jury_.emplace(session_, *original_outputs_);
    SPEEDSTER_TRY(or_originals(original_outputs_->check_finite(session_.split.search)));
    const double begin = now_seconds();
    SPEEDSTER_TRY(or_originals(remember_expected()));
    if (!expected_.empty())
      session_.original_call_seconds = (now_seconds() - begin) / static_cast<double>(expected_.size());
    return {};
  }

  /// What the original's runtime refuses is bad input; time, memory, a missing or crashing vendor keep their kind.
  Result<void> original_failed(Error error) {
    bool refused = error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kVendor;
    if (session_.total.limited() && session_.deadline.passed())
      return Error(ErrorKind::kTimeout,
                   "[original] expected time to make, load and run the original, got a time budget of " +
                       short_number(*session_.request->time_budget_seconds) + " s; try a larger --time-budget");
    // Not supported: an operator of the model, or the vendor itself is missing.
    if (error.kind() == ErrorKind::kUnsupported) {
      const auto backend = backends_.find(original_.recipe.backend);
      refused = backend != backends_.end() && backend->second.usable;
    }
    const Error told = refused
                           ? std::move(error).wrap_as(ErrorKind::kBadInput, "[original] expected a model that " +
                                                                                original_.recipe.backend + " can run")
                           : std::move(error).wrap("[original] expected the original to run");
    const std::string& kept =
        original_.row.job_directory.empty() ? original_.notes->failure_directory : original_.row.job_directory;
    return kept.empty() ? told
                        : Error(told.kind(), told.full_message() + "; try " + kept + "/repro.sh, which repeats it");
  }

  /// What stopped the jury is told as the original's failure where it was that.
  Result<void> or_originals(Result<void> result) {
    if (result.ok() || !original_outputs_->is_broken()) return result;
    return original_failed(std::move(result).error());
  }

  Result<void> remember_expected() {
    std::uint64_t bytes = 0;
    for (const std::size_t sample : session_.split.judging) {
      if (expected_.size() >= kExpectedSamples) break;
      const std::size_t one[] = {sample};
      SPEEDSTER_ASSIGN(const auto outputs, original_outputs_->get(one));
      ExpectedSample expected{sample, {}};
      std::uint64_t more = session_.store.bytes(sample);
      for (const TensorView& tensor : outputs.front()) more += tensor.bytes();
      if (bytes + more > kExpectedBytes && !expected_.empty()) break;
      bytes += more;
      for (const TensorView& tensor : outputs.front()) expected.outputs.push_back(copy_of(tensor));
      expected_.push_back(std::move(expected));
    }
    return {};
  }

  Result<void> make_and_check() {
    session_.enter("check", kMakeShare);
    session_.side_by_side = session_.workers;
    int done = static_cast<int>(
        std::count_if(candidates_.begin(), candidates_.end(), [](const Candidate& c) { return c.out; }));
    Workshop workshop(session_, candidates_, session_.workers);
    while (true) {
      bool waiting = false;
      const auto index = workshop.next(waiting);
      session_.progress.candidates_running = workshop.running();
      session_.progress.candidates_done = done;
      if (auto error = workshop.error()) {
        session_.cancel.cancel();  // jobs that still run would only be waited for
        return *std::move(error);
      }
      if (session_.cancel.cancelled()) return Error(ErrorKind::kCancelled, "[search] cancelled");
      if (waiting) {
        session_.tell();
        continue;
      }
      if (!index) break;
      Candidate& candidate = candidates_[*index];
      if (!candidate.out) {
        auto checked = or_originals(jury_->check(candidate));
        if (!checked.ok()) {
          session_.cancel.cancel();  // jobs that still run would only be waited for
          return checked;
        }
      }
      session_.progress.candidates_done = ++done;
      session_.tell(line_about(candidate));
    }
    return {};
  }

  static std::string line_about(const Candidate& candidate) {
    std::string line = candidate.recipe.name + ": ";
    if (candidate.out) return line + fate_name(candidate.row.fate) + ", " + candidate.row.reason;
    return line + "checked, drop " + short_number(candidate.searched ? candidate.searched->value : 0);
  }

  /// Sorts the checked candidates into those that may win and those whose price is only shown.
  void sort_contenders() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const Standing standing = qualify(session_, candidates_[i]);
      if (standing == Standing::kContender) contenders_.push_back(i);
      if (standing == Standing::kOnlyPriced) excluded_.push_back(i);
    }
  }

  /// Planned candidates only: those of a file are what the user wrote, and of a recipe what was found before.
  Result<void> mix_precisions() {
    if (!planned_ || session_.budget.full_precision_only() || session_.store.random() || session_.stage_excluded(kMix))
      return {};
    session_.enter(kMix, kMixShare);
    session_.side_by_side = 1;
    const auto make = [this](compiler::Recipe recipe) { return candidate_of(std::move(recipe)); };
    auto mixed = mix(session_, *jury_, candidates_, make);
    if (!mixed.ok()) return or_originals(std::move(mixed).error());
    for (Candidate& candidate : mixed->candidates) {
      contenders_.push_back(candidates_.size());
      candidates_.push_back(std::move(candidate));
    }
    session_.progress.candidates_total = session_.progress.candidates_done = static_cast<int>(candidates_.size());
    precision_maps_ = std::move(mixed->maps);
    notes_.insert(notes_.end(), mixed->notes.begin(), mixed->notes.end());
    return {};
  }

  /// The corners are run after everything else, in time that no stage before may use.
  void hold_back_corners() {
    if (!has_corners() || contenders_.empty()) return;
    double call = 0, load = original_.row.load_seconds.value_or(0);
    for (const std::size_t index : contenders_) {
      call = std::max(call, candidates_[index].rough_seconds);
      load = std::max(load, candidates_[index].row.load_seconds.value_or(0));
    }
    const double own = session_.request->time_budget_seconds.value_or(0) * (kTailShare - kConfirmShare);
    session_.held_back += std::max(corner_seconds(session_, call, load) - own, 0.0);
  }

  /// Axes that move have corners; ragged samples have such axes.
  bool has_corners() const { return !session_.stage_excluded(kCorners) && !corners_of(session_).empty(); }

  /// The finalists, fastest first, on samples that no decision has seen; who fails leaves. True where the fastest fell
  /// and the others are to race without them. Whoever is slower than the first that holds waits for that race, since it
  /// may have other finalists and another price.
  Result<bool> judge(Contest& contest) {
    std::vector<std::size_t> kept;
    bool fell = false, another = false;
    for (const std::size_t index : contest.finalists) {
      Candidate& candidate = candidates_[index];
      SPEEDSTER_TRY(or_originals(jury_->judge(candidate)));
      if (candidate.row.fate == CandidateFate::kNotTried && candidate.out && time_for_another()) {
        // Only this stage's time ended: the fastest is worth that of the second.
        candidate.out = false;
        candidate.row.reason.clear();
        session_.enter("judge", kSecondJudgeShare);
        SPEEDSTER_TRY(or_originals(jury_->judge(candidate)));
      }
      const bool holds = !candidate.out && candidate.judged;
      if (holds) kept.push_back(index);
      fell = fell || (!holds && kept.empty());
      another = fell && contest.raced && time_for_another();
      if (holds && another) break;
    }
    if (another && give_another_chance()) return true;
    contest.finalists = kept;
    if (!contest.priced) return false;
    Candidate& priced = candidates_[*contest.priced];
    SPEEDSTER_TRY(or_originals(jury_->price(priced)));
    if (priced.out || !priced.judged) contest.priced.reset();
    return false;
  }

  /// The winner must keep the limits and run every declared shape; one that does not is out and the next takes its
  /// place. What the package falls back to must run them, too.
  Result<void> declare(Contest& contest) {
    session_.enter(kCorners, kTailShare);
    const Candidate& baseline = contest.baseline_is_defaults ? defaults_ : original_;
    const ServeSpec spec = session_.serve_spec(baseline, kCorners);
    std::optional<ServedPackage> original;
    while (!ranked_.empty()) {
      std::string why = above_a_limit();
      if (why.empty() && has_corners()) {
        SPEEDSTER_ASSIGN(why, failed_at_a_corner(baseline, spec, original));
      }
      if (why.empty()) break;
      ranked_.erase(ranked_.begin());
      session_.progress.best.clear();
      session_.progress.best_speedup = 0;
      if (ranked_.empty()) break;
      original.reset();
      SPEEDSTER_TRY(replace_winner(contest, why));
    }
    if (ranked_.empty()) return {};
    std::erase_if(ranked_, [&](std::size_t index) {
      return index != ranked_.front() && !excesses(*session_.request, candidates_[index].row, false).empty();
    });
    std::vector<std::size_t> kept;
    for (const std::size_t index : with_fallbacks(session_, candidates_, ranked_)) {
      if (!kept.empty() && has_corners()) {
        SPEEDSTER_ASSIGN(const bool runs, runs_corners(baseline, spec, original, candidates_[index]));
        if (!runs) continue;
      }
      kept.push_back(index);
    }
    ranked_ = std::move(kept);
    return {};
  }

  /// Whether the original's child is there; `why` says why not.
  bool start_for_corners(const ServeSpec& spec, std::optional<ServedPackage>& original, std::string& why) {
    if (session_.cancel.cancelled()) why = "cancelled";
    if (why.empty() && session_.stopping()) why = "the time budget ended";
    if (!why.empty()) return false;
    if (original && original->running()) return true;
    auto started = ServedPackage::start(*session_.supervisor, spec, session_.deadline, session_.cancel);
    if (!started.ok()) {
      why = started.error().full_message();
      return false;
    }
    original = *std::move(started);
    return true;
  }

  /// For a variant that only stands in: who was not seen to run the corners is not packaged.
  Result<bool> runs_corners(const Candidate& baseline, const ServeSpec& spec, std::optional<ServedPackage>& original,
                            Candidate& candidate) {
    const std::string subject = baseline.digest + ":" + candidate.digest;
    for (const char* event : {"corners", "fallback corners"})
      if (session_.journal->find(event, subject)) return true;
    std::string why;
    if (start_for_corners(spec, original, why)) {
      bool whole = true;
      auto rows = corners(session_, *original, spec, candidate, CornerRuns::kOnce, whole);
      if (rows.ok()) {
        if (whole) SPEEDSTER_TRY(session_.journal->record("fallback corners", subject, true));
        return true;
      }
      why = rows.error().full_message();
    }
    notes_.push_back(candidate.recipe.name +
                     " is not in the package: it was not seen to run the corners of the shapes (" + why + ")");
    return false;
  }

  /// Whether the winner is above a limit now that its load time and its tail are known: then it is out, and this says
  /// so; else empty.
  std::string above_a_limit() {
    Candidate& winner = candidates_[ranked_.front()];
    const std::vector<Excess> above = excesses(*session_.request, winner.row, true);
    if (above.empty()) return {};
    const std::string speed = "; " + short_number(winner.row.speedup->value) + " times the original's speed";
    if (std::ranges::all_of(above, [](const Excess& one) { return one.allows.empty(); })) {
      retire(winner, CandidateFate::kNotTried, reason_of(above) + speed);
      return "was not seen to hold a limit";
    }
    retire(winner, CandidateFate::kOverLimit, reason_of(above) + speed);
    return "is above a limit";
  }

  /// Runs the winner at the corners. Where it fails there it is out, and this says so; else empty.
  Result<std::string> failed_at_a_corner(const Candidate& baseline, const ServeSpec& spec,
                                         std::optional<ServedPackage>& original) {
    const auto not_run = [&](const std::string& why) {
      notes_.push_back("the corners of the declared shapes were not run: " + why);
      return std::string();
    };
    Candidate& winner = candidates_[ranked_.front()];
    const std::string subject = baseline.digest + ":" + winner.digest;
    if (const auto known = session_.journal->find("corners", subject)) {
      corner_rows_ = corners_from_json(*known);
      return std::string();
    }
    std::string why;
    if (!start_for_corners(spec, original, why)) return not_run(why);
    bool whole = true;
    auto rows = corners(session_, *original, spec, winner, CornerRuns::kTimed, whole);
    if (rows.ok()) {
      corner_rows_ = *std::move(rows);
      if (whole) SPEEDSTER_TRY(session_.journal->record("corners", subject, corners_to_json(corner_rows_)));
      return std::string();
    }
    if (session_.cancel.cancelled()) return not_run("cancelled");
    if (session_.stopping()) return not_run("the time budget ended");
    retire(winner, CandidateFate::kFailed, rows.error().full_message());
    notes_.push_back(winner.recipe.name + " would have won, but failed at a corner of the shapes");
    return std::string("failed at a corner");
  }

  /// After the winner fell the others are confirmed without it: what they are to each other was not asked before. Where
  /// that comes to nothing, and under a time budget, the next of the ranking takes its place.
  Result<void> replace_winner(Contest& contest, const std::string& why) {
    if (!session_.total.limited() && !session_.cancel.cancelled()) {
      const std::vector<Candidate> candidates = candidates_;
      const std::vector<std::size_t> ranked = ranked_;
      const Contest earlier = contest;
      const CandidateRow original = original_.row, defaults = defaults_.row;
      std::erase_if(contest.finalists, [&](std::size_t i) {
        return candidates_[i].out || candidates_[i].row.fate == CandidateFate::kSlowerThanOriginal;
      });
      auto confirmed = confirm(contest);
      session_.enter(kCorners, kTailShare);
      if (!confirmed.ok() && confirmed.error().kind() == ErrorKind::kNoSpace) return confirmed;
      if (confirmed.ok() && contest.confirmation && !session_.cancel.cancelled()) return {};
      candidates_ = candidates;
      ranked_ = ranked;
      contest = earlier;
      original_.row = original;
      defaults_.row = defaults;
    }
    promote(contest, candidates_[ranked_.front()], why);
    if (session_.request->max_p99_seconds) add_tail_of(session_, candidates_, contest, ranked_.front());
    return {};
  }

  void promote(const Contest& contest, Candidate& next, const std::string& why) {
    const std::string fell = " (the winner then " + why + ")";
    for (const std::size_t index : contest.finalists) {
      CandidateRow& row = candidates_[index].row;
      const bool compared = row.fate == CandidateFate::kSlower || row.fate == CandidateFate::kEquivalent ||
                            row.fate == CandidateFate::kUndecided;
      if (compared && !row.reason.ends_with(fell)) row.reason += fell;
    }
    next.row.fate = CandidateFate::kWinner;
    next.row.reason = short_number(next.row.speedup->value) + " times the original's speed; a faster one " + why;
    session_.progress.best = next.recipe.name;
    session_.progress.best_speedup = next.row.speedup->value;
  }

  /// New weights that the earlier winner does not serve are what a replay is there to find out.
  void note_broken_recipe() {
    if (!session_.replayed || !ranked_.empty() || candidates_.size() != 1) return;
    const CandidateRow& row = candidates_.front().row;
    if (row.fate == CandidateFate::kNotTried) return;  // nobody looked
    const char* where = row.fate == CandidateFate::kNotPossible ? " here: " : " on this model: ";
    notes_.push_back(std::string("the recipe does not hold") + where + row.name + " is " + fate_name(row.fate) + ", " +
                     row.reason + "; try a search, without --recipe");
  }

  Result<Outcome> finish(const Contest& contest) {
    Outcome outcome;
    outcome.variants = ranked_;
    outcome.report =
        make_report(session_, candidates_, contest.baseline_is_defaults ? defaults_ : original_, contest, ranked_);
    outcome.report.original.fate = CandidateFate::kOriginal;
    outcome.report.original_settings =
        contest.baseline_is_defaults ? "ONNX Runtime's defaults"
                                     : "all graph optimizations, " + std::to_string(session_.threads) + " threads";
    if (from_file_)
      outcome.report.original_settings = session_.replayed ? "as the recipe has it" : "as the candidates file has it";
    note_broken_recipe();
    outcome.report.corners = corner_rows_;
    outcome.report.precision_maps = std::move(precision_maps_);
    if (!contest.note.empty()) notes_.push_back(contest.note);
    outcome.report.notes.insert(outcome.report.notes.end(), notes_.begin(), notes_.end());
    outcome.candidates = std::move(candidates_);
    // What is packaged is what the others were measured against.
    outcome.original = std::move(contest.baseline_is_defaults ? defaults_ : original_);
    outcome.original.variant.name = "original";
    outcome.expected = std::move(expected_);
    return outcome;
  }

  Session& session_;
  std::vector<Candidate> candidates_;
  Candidate original_, defaults_;
  std::map<std::string, compiler::Availability> backends_;
  bool has_defaults_ = true, from_file_ = false, planned_ = false;
  std::optional<OriginalOutputs> original_outputs_;
  std::optional<Jury> jury_;
  std::vector<ExpectedSample> expected_;
  std::vector<std::size_t> contenders_, excluded_, ranked_;
  std::vector<PrecisionMap> precision_maps_;
  std::vector<CornerRow> corner_rows_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<Outcome> run(Session& session) { return Search(session).run(); }

}  // namespace speedster::search
