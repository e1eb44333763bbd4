#include "search/search.h"

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "onnx/model.h"
#include "search/availability.h"
#include "search/contest.h"
#include "search/rows.h"
#include "search/workshop.h"
#include "tensor/copy.h"
#include "toolchain/toolchain.h"

namespace speedster::search {
namespace {

// Shares of a time budget at which the stages end; what is left confirms and saves.
constexpr double kMakeShare = 0.45, kRaceShare = 0.57, kJudgeShare = 0.70, kConfirmShare = 0.90, kTailShare = 0.94;
// Where the leader broke the budget while it was judged.
constexpr double kSecondRaceShare = 0.76, kSecondJudgeShare = 0.81;
constexpr const char* kCorners = "corners";  // the stage that --exclude may name
constexpr std::size_t kExpectedSamples = 3;
constexpr std::uint64_t kExpectedBytes = std::uint64_t{8} << 20U;

class Search {
 public:
  explicit Search(Session& session) : session_(session) {}

  Result<Outcome> run() {
    Contest contest;
    if (auto done = stages(contest); !done.ok()) {
      // Cancelling is an outcome: what was found out until then is in the report and in the journal.
      if (!session_.cancel.cancelled() || done.error().kind() != ErrorKind::kCancelled) return std::move(done).error();
    }
    if (session_.cancel.cancelled())
      for (Candidate& candidate : candidates_)
        if (!candidate.out && candidate.row.reason.empty()) retire(candidate, CandidateFate::kNotTried, "cancelled");
    session_.end_stage();
    return finish(std::move(contest));
  }

 private:
  Result<void> stages(Contest& contest) {
    SPEEDSTER_TRY(make_plan());
    SPEEDSTER_TRY(start_original());
    SPEEDSTER_TRY(make_and_check());
    SPEEDSTER_TRY(qualify());
    for (bool again = false;; again = true) {
      SPEEDSTER_TRY(race_and_judge(contest, again));
      original_outputs_->rest();  // no other child of ours is loaded while finalists are timed
      session_.enter("confirm", kConfirmShare);
      SPEEDSTER_TRY(confirm_stage(session_, candidates_, original_, defaults_, contest));
      ranked_ = ranking(candidates_, contest);
      const bool somebody_won = !ranked_.empty();
      SPEEDSTER_TRY(declare(contest));
      // All that won failed at a corner of the shapes: those that lost the race to them get their chance.
      if (!somebody_won || !ranked_.empty() || !contest.raced || !time_for_another() || !give_another_chance())
        return {};
    }
  }

  bool time_for_another() const { return !session_.cancel.cancelled() && !session_.end_of(kSecondJudgeShare).passed(); }

  /// Whoever only lost the race may race again. False where there is nobody.
  bool give_another_chance() {
    std::erase_if(contenders_, [&](std::size_t i) {
      const CandidateFate fate = candidates_[i].row.fate;
      const bool confirmed = fate == CandidateFate::kSlowerThanOriginal || fate == CandidateFate::kUndecided;
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
      session_.enter("judge", again ? kSecondJudgeShare : kJudgeShare);
      SPEEDSTER_ASSIGN(const bool another_race, judge(contest));
      if (!another_race) return {};
    }
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
    for (const BackendState& state :
         probe_backends(*session_.supervisor, session_.work, session_.deadline, session_.cancel)) {
      backends_[state.name] = availability_of(state);
      session_.vendor_versions[state.name] = state.version;
    }
    compiler::Recipe original = compiler::original({});
    compiler::Recipe defaults = compiler::original_at_defaults(request.threads > 0);
    std::vector<compiler::Recipe> recipes;
    if (!request.candidates.empty()) {
      SPEEDSTER_ASSIGN(const std::string text, read_file(request.candidates, std::uint64_t{16} << 20U));
      SPEEDSTER_ASSIGN(compiler::CandidatesFile file, compiler::read_candidates(text));
      recipes = std::move(file.candidates);
      if (file.original) {
        original = *file.original;
        original.name = "original";
        has_defaults_ = false;
        from_file_ = true;
      }
    } else {
      SPEEDSTER_ASSIGN(recipes, planned(original));
    }
    original_ = candidate_of(std::move(original));
    defaults_ = candidate_of(std::move(defaults));
    note_unused_patterns(recipes);
    for (compiler::Recipe& recipe : recipes) {
      if (compiler::matches_any(request.exclude, recipe.name)) continue;
      const std::string obstacle = recipe.not_possible;
      candidates_.push_back(candidate_of(std::move(recipe)));
      if (!obstacle.empty()) retire(candidates_.back(), CandidateFate::kNotPossible, obstacle);
    }
    session_.progress.candidates_total = static_cast<int>(candidates_.size());
    return {};
  }

  /// A misspelt --exclude would silently exclude nothing.
  void note_unused_patterns(const std::vector<compiler::Recipe>& recipes) {
    for (const std::string& pattern : session_.request->exclude) {
      const bool used =
          compiler::matches_any({pattern}, kCorners) ||
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
    input.session = request.session;
    SPEEDSTER_ASSIGN(const auto session, compiler::session_of(input, original.backend));
    original = compiler::original(session);
    return compiler::plan(input);
  }

  /// The original must be made, load, and give numbers; what stops it stops the search.
  Result<void> start_original() {
    session_.enter("original", kMakeShare);
    SPEEDSTER_TRY(prepare(session_, original_));
    if (original_.out)
      return original_failed(original_.error ? *original_.error : Error(ErrorKind::kTimeout, original_.row.reason));
    if (has_defaults_) {
      SPEEDSTER_TRY(prepare(session_, defaults_));
      if (defaults_.out) has_defaults_ = false;
    }
    auto child = ServedPackage::start(*session_.supervisor, session_.serve_spec(original_, "check"), session_.deadline,
                                      session_.cancel);
    if (!child.ok()) return original_failed(std::move(child).error());
    auto info = child->stats(session_.deadline, session_.cancel);
    if (!info.ok()) return original_failed(std::move(info).error());
    note_info(session_, original_, *info);
    session_.original_precision = original_.row.ran_precision == "unknown" ? "f32" : original_.row.ran_precision;
    original_.reduced = false;
    // The same library and precision; only its settings are the vendor's own.
    defaults_.row.ran_precision = original_.row.ran_precision;
    defaults_.row.backend_version = original_.row.backend_version;
    defaults_.row.vendor_library = original_.row.vendor_library;
    original_outputs_.emplace(session_, std::move(*child), session_.serve_spec(original_, "check"));
    auto finite = original_outputs_->check_finite(session_.split.search);
    if (original_outputs_->is_broken()) return original_failed(std::move(finite).error());
    SPEEDSTER_TRY(std::move(finite));
    auto remembered = remember_expected();
    if (original_outputs_->is_broken()) return original_failed(std::move(remembered).error());
    return remembered;
  }

  /// What the original's runtime refuses is bad input; time, memory, a missing or crashing vendor keep their kind.
  Result<void> original_failed(Error error) {
    const std::string& kept =
        original_.row.job_directory.empty() ? original_.notes->failure_directory : original_.row.job_directory;
    const std::string where = kept.empty() ? "" : " (" + kept + " repeats it)";
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
    if (refused)
      return std::move(error).wrap_as(
          ErrorKind::kBadInput, "[original] expected a model that " + original_.recipe.backend + " can run" + where);
    return std::move(error).wrap("[original] expected the original to run" + where);
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
        auto checked = check_one(candidate);
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

  Result<void> check_one(Candidate& candidate) {
    if (const auto known = session_.journal->find("checked", candidate.digest)) {
      if (restore_check(session_, *known, candidate)) return {};
    }
    if (session_.stopping()) {
      retire(candidate, CandidateFate::kNotTried, session_.cancel.cancelled() ? "cancelled" : "time");
      return {};
    }
    const CheckPart part{session_.split.search, session_.split.independent, true, "check"};
    auto drop = check(session_, *original_outputs_, candidate, part);
    if (!drop.ok()) {
      const Error& error = drop.error();
      if (error.kind() == ErrorKind::kCancelled)
        retire(candidate, CandidateFate::kNotTried, "cancelled");
      else if (session_.deadline.passed())
        retire(candidate, CandidateFate::kNotTried, "time: the budget ended while it was checked");
      else if (original_outputs_->is_broken())
        return original_failed(error);
      else if (error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kBadInput)
        return std::move(drop).error();  // the metric's
      else
        retire(candidate, CandidateFate::kFailed, error.full_message());
      return {};
    }
    candidate.searched = *drop;
    // A later search has the time for all samples, and who answers wrong is tried again, as all that failed.
    if (candidate.check_cut || drop->new_non_finite) return {};
    return session_.journal->record("checked", candidate.digest, check_to_json(session_, candidate));
  }

  /// Sorts the checked candidates into those that may win and those whose price is only shown.
  Result<void> qualify() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      Candidate& candidate = candidates_[i];
      if (candidate.out || !candidate.searched) continue;
      const accuracy::Drop& drop = *candidate.searched;
      set_drop(candidate.row, drop, session_.split.independent);
      if (drop.new_non_finite) {
        retire(candidate, CandidateFate::kFailed, "wrong answer: NaN or infinity where the original has numbers");
        continue;
      }
      if (session_.store.random() && candidate.reduced) {
        candidate.row.fate = CandidateFate::kNotJudged;
        candidate.row.reason = "accuracy not judged: samples are random, and it ran in " + candidate.row.ran_precision;
        excluded_.push_back(i);
      } else if (session_.budget.full_precision_only()) {
        if (candidate.reduced) {
          candidate.row.fate = CandidateFate::kReduced;
          candidate.row.reason =
              "ran in " + candidate.row.ran_precision + "; full precision only without a --metric-drop above 0";
          excluded_.push_back(i);
        } else if (drop.relative_l2 > accuracy::kFullPrecision) {
          candidate.row.fate = CandidateFate::kOverBudget;
          candidate.row.reason = "relative L2 " + short_number(drop.relative_l2) + " to the original, above 0.001";
          excluded_.push_back(i);
        } else {
          contenders_.push_back(i);
        }
      } else if (accuracy::judge(drop, session_.budget) == accuracy::Verdict::kBreaks) {
        over_budget(candidate, drop, "search");
        excluded_.push_back(i);
      } else {
        contenders_.push_back(i);
      }
    }
    return {};
  }

  void over_budget(Candidate& candidate, const accuracy::Drop& drop, const std::string& part) const {
    candidate.row.fate = CandidateFate::kOverBudget;
    // What decides where a confidence is asked for is the bound.
    const std::string bound = !session_.budget.confidence ? ""
                              : drop.high                 ? ", bound " + short_number(*drop.high)
                                                          : ", no bound known";
    candidate.row.reason =
        "drop " + short_number(drop.value) + bound + " on the " + part + " samples, budget " +
        short_number(session_.budget.drop.value_or(0)) +
        (session_.signature.outputs.size() > 1 && !drop.output.empty() ? " (output " + drop.output + ")" : "");
  }

  /// The finalists, fastest first, on samples that no decision has seen; who fails leaves. True where the fastest fell
  /// and the others are to race without them. Whoever is slower than the first that holds waits for that race, since it
  /// may have other finalists and another price.
  Result<bool> judge(Contest& contest) {
    std::vector<std::size_t> kept;
    bool fell = false, another = false;
    for (const std::size_t index : contest.finalists) {
      Candidate& candidate = candidates_[index];
      SPEEDSTER_TRY(judge_one(candidate, false));
      if (candidate.row.fate == CandidateFate::kNotTried && candidate.out && time_for_another()) {
        // Only this stage's time ended: the fastest is worth that of the second.
        candidate.out = false;
        candidate.row.reason.clear();
        session_.enter("judge", kSecondJudgeShare);
        SPEEDSTER_TRY(judge_one(candidate, false));
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
    SPEEDSTER_TRY(judge_one(priced, true));
    if (priced.out || !priced.judged) contest.priced.reset();
    return false;
  }

  /// Sets what a candidate loses on the judging samples, where that can be found out, and what follows from it.
  Result<void> judge_one(Candidate& candidate, bool priced) {
    // It may have been judged before a race was repeated.
    if (!candidate.judged && !session_.split.independent) candidate.judged = candidate.searched;
    if (!candidate.judged) {
      if (const auto known = session_.journal->find("judged", candidate.digest)) {
        candidate.judged = drop_from_json(*known);
        candidate.check_cut = false;
      }
    }
    if (!candidate.judged) {
      const CheckPart part{session_.split.judging, true, false, "judge"};
      auto drop = check(session_, *original_outputs_, candidate, part);
      if (!drop.ok()) return not_judged(candidate, priced, std::move(drop).error());
      candidate.judged = *drop;
      if (!candidate.check_cut && !drop->new_non_finite)
        SPEEDSTER_TRY(session_.journal->record("judged", candidate.digest, accuracy::to_json(*drop)));
    }
    if (candidate.judged) judged_verdict(candidate, priced);
    return {};
  }

  Result<void> not_judged(Candidate& candidate, bool priced, Error error) {
    const ErrorKind kind = error.kind();
    if (session_.stopping()) {
      if (!priced)  // which keeps its fate; only its price stays unknown
        retire(candidate, CandidateFate::kNotTried,
               session_.cancel.cancelled() ? "cancelled" : "time: the budget ended before it was judged");
      return {};
    }
    if (kind == ErrorKind::kUsage || kind == ErrorKind::kBadInput) return error;  // the metric's
    if (original_outputs_->is_broken()) return original_failed(std::move(error));
    retire(candidate, CandidateFate::kFailed, error.full_message());
    return {};
  }

  void judged_verdict(Candidate& candidate, bool priced) {
    const accuracy::Drop& drop = *candidate.judged;
    set_drop(candidate.row, drop, session_.split.independent);
    candidate.row.drop_note = !session_.split.independent ? "not independent"
                              : candidate.check_cut
                                  ? "judged on " + std::to_string(drop.samples) + " samples: the time budget"
                                  : "";
    if (priced) {
      if (candidate.row.fate == CandidateFate::kOverBudget && !session_.budget.full_precision_only() &&
          accuracy::judge(drop, session_.budget) == accuracy::Verdict::kBreaks)
        over_budget(candidate, drop, "judging");
      return;
    }
    const bool full_only = session_.budget.full_precision_only();
    if (drop.new_non_finite)
      retire(candidate, CandidateFate::kFailed, "wrong answer on the judging samples: NaN or infinity");
    else if (full_only && drop.relative_l2 > accuracy::kFullPrecision) {
      retire(candidate, CandidateFate::kOverBudget,
             "relative L2 " + short_number(drop.relative_l2) + " on the judging samples");
    } else if (!full_only) {
      const accuracy::Verdict verdict = accuracy::judge(drop, session_.budget);
      if (verdict == accuracy::Verdict::kHoldsByEstimateOnly)
        candidate.row.drop_note =
            "held by the estimate only" + (candidate.row.drop_note.empty() ? "" : "; " + candidate.row.drop_note);
      if (verdict == accuracy::Verdict::kBreaks) {
        over_budget(candidate, drop, "judging");
        candidate.out = true;
      }
    }
  }

  /// The winner must run every declared shape; one that does not is out and the next takes its place.
  Result<void> declare(Contest& contest) {
    session_.enter(kCorners, kTailShare);
    // Axes that move have corners; ragged samples have such axes.
    if (session_.stage_excluded(kCorners) || corners_of(session_.signature).empty()) return {};
    const auto not_run = [&](const std::string& why) -> Result<void> {
      notes_.push_back("the corners of the declared shapes were not run: " + why);
      return {};
    };
    const Candidate& baseline = contest.baseline_is_defaults ? defaults_ : original_;
    const ServeSpec original_spec = session_.serve_spec(baseline, "corners");
    std::optional<ServedPackage> original;
    while (!ranked_.empty()) {
      Candidate& winner = candidates_[ranked_.front()];
      if (winner.row.fate != CandidateFate::kWinner) {
        winner.row.fate = CandidateFate::kWinner;
        winner.row.reason = short_number(winner.row.speedup->value) +
                            " times the original's speed; a faster one failed at a corner of the shapes";
      }
      const std::string subject = baseline.digest + ":" + winner.digest;
      if (const auto known = session_.journal->find("corners", subject)) {
        corner_rows_ = corners_from_json(*known);
        return {};
      }
      if (session_.cancel.cancelled()) return not_run("cancelled");
      if (session_.stopping()) return not_run("the time budget ended");
      if (!original || !original->running()) {
        auto started = ServedPackage::start(*session_.supervisor, original_spec, session_.deadline, session_.cancel);
        if (!started.ok()) return not_run(started.error().full_message());
        original = *std::move(started);
      }
      bool whole = true;
      auto rows = corners(session_, *original, original_spec, winner, whole);
      if (rows.ok()) {
        corner_rows_ = *std::move(rows);
        if (whole) SPEEDSTER_TRY(session_.journal->record("corners", subject, corners_to_json(corner_rows_)));
        return {};
      }
      if (session_.cancel.cancelled()) return not_run("cancelled");
      if (session_.stopping()) return not_run("the time budget ended");
      retire(winner, CandidateFate::kFailed, rows.error().full_message());
      ranked_.erase(ranked_.begin());
    }
    return {};
  }

  Result<Outcome> finish(Contest contest) {
    Outcome outcome;
    outcome.variants = ranked_;
    outcome.report =
        make_report(session_, candidates_, contest.baseline_is_defaults ? defaults_ : original_, contest, ranked_);
    outcome.report.original.fate = CandidateFate::kOriginal;
    outcome.report.original_settings =
        contest.baseline_is_defaults ? "ONNX Runtime's defaults"
                                     : "all graph optimizations, " + std::to_string(session_.threads) + " threads";
    if (from_file_) outcome.report.original_settings = "as the candidates file has it";
    outcome.report.corners = corner_rows_;
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
  bool has_defaults_ = true, from_file_ = false;
  std::optional<OriginalOutputs> original_outputs_;
  std::vector<ExpectedSample> expected_;
  std::vector<std::size_t> contenders_, excluded_, ranked_;
  std::vector<CornerRow> corner_rows_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<Outcome> run(Session& session) { return Search(session).run(); }

}  // namespace speedster::search
