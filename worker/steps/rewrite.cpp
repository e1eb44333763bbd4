/// Lossless rewriting of the graph, each pass compared with the graph as it came on a few real samples. All candidates
/// of a search share one run of it.
#include "rewrite/rewrite.h"

#include <cstdio>

#include "worker/steps/quantization_options.h"
#include "worker/steps/rewrite_judge.h"
#include "worker/steps/step.h"

namespace speedster::worker {
namespace {

using onnx_model::OnnxModel;

// Where nothing is broken, what is above the bound may be the rounding of float32 in a network that amplifies it: two
// orders of the same sums differ by that much. Then what both graphs say is computed in double precision.
constexpr const char* kExact = "reference";
constexpr double kBroken = 1e-2;
// That backend is some 10 to 20 times slower than a vendor: longer calls are not repeated on it.
constexpr double kLongestCall = 2.0;
// What the original may take on samples until no further one is taken, on either.
constexpr double kSeconds = 1.0, kExactSeconds = 0.25;

class Judges {
 public:
  static Result<Judges> make(const StepContext& context, const fs::path& model) {
    SPEEDSTER_ASSIGN(RewriteJudge fast,
                     RewriteJudge::make(context, context.text("backend", "onnxruntime"), model, kSeconds));
    return Judges(context, model, std::move(fast));
  }

  Result<rewrite::Distance> compare(const OnnxModel& next) {
    const fs::path file = RewriteJudge::folder(*context_) / "rewritten.onnx";
    SPEEDSTER_TRY(next.save(file));
    SPEEDSTER_ASSIGN(rewrite::Distance distance, fast_.compare(file));
    const bool sound = distance.same_shape && !distance.new_non_finite && distance.relative_l2 < kBroken;
    if (!sound || is_lossless(distance) || fast_.backend() == kExact || fast_.call_seconds() > kLongestCall)
      return distance;
    if (!exact_) exact_.emplace(RewriteJudge::make(*context_, kExact, model_, kExactSeconds, {{"precision", "fp64"}}));
    if (!exact_->ok()) return without(exact_->error(), distance);
    Result<rewrite::Distance> exactly = (*exact_)->compare(file);
    return exactly.ok() ? exactly : without(exactly.error(), distance);
  }

  Result<void> clear() const {
    fast_.not_needed();
    return remove_directory(RewriteJudge::folder(*context_));
  }
  RewriteJudge& fast() { return fast_; }

 private:
  Judges(const StepContext& context, fs::path model, RewriteJudge fast)
      : context_(&context), model_(std::move(model)), fast_(std::move(fast)) {}

  /// An operator that it does not have, say: what the vendor computed stands.
  static rewrite::Distance without(const Error& error, const rewrite::Distance& distance) {
    std::fprintf(stderr, "[rewrite] not computed in double precision: %s\n", error.full_message().c_str());
    return distance;
  }

  const StepContext* context_;
  fs::path model_;
  RewriteJudge fast_;
  std::optional<Result<RewriteJudge>> exact_;
};

}  // namespace

Result<Json> rewrite_step(const StepContext& context) {
  rewrite::Options options;
  options.disabled = context.texts("disable");
  SPEEDSTER_TRY(rewrite::check_names(options.disabled));
  SPEEDSTER_ASSIGN(const fs::path path, context.input("model"));
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  SPEEDSTER_ASSIGN(Judges judges, Judges::make(context, path));
  options.verify = [&](const OnnxModel& next) { return judges.compare(next); };
  options.evaluate = [&](const OnnxModel& constants) { return judges.fast().evaluate(constants); };
  SPEEDSTER_ASSIGN(const rewrite::Rewriting done, rewrite::rewrite(model, options));
  SPEEDSTER_TRY(judges.clear());
  SPEEDSTER_TRY(model.save(context.out / "model.onnx"));
  Json summary = rewrite::to_json(done);
  summary.update(judges.fast().summary());
  return Json{{"files", {{"model", "out/model.onnx"}}}, {"summary", std::move(summary)}};
}

}  // namespace speedster::worker
