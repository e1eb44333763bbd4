#include "search/session.h"

#include <algorithm>

namespace speedster::search {

void retire(Candidate& candidate, CandidateFate fate, std::string reason) {
  candidate.out = true;
  candidate.row.fate = fate;
  candidate.row.reason = std::move(reason);
}

void Session::end_stage() {
  if (!stages.empty()) stages.back().seconds += now_seconds() - stage_started;
  stage_started = now_seconds();
}

void Session::enter(const std::string& stage, double share) {
  end_stage();
  const auto seen = std::find_if(stages.begin(), stages.end(), [&](const StageTime& s) { return s.stage == stage; });
  if (seen == stages.end()) stages.push_back({stage, 0});
  else std::rotate(seen, seen + 1, stages.end());
  if (request->time_budget_seconds) deadline = total.minus((1.0 - share) * *request->time_budget_seconds);
  progress.stage = stage;
  tell();
}

void Session::tell(const std::string& message) {
  progress.elapsed_seconds = now_seconds() - started;
  if (deadline.limited()) progress.seconds_left = deadline.left();
  progress.message = message;
  if (!message.empty()) log.info(message);
  if (request != nullptr && request->progress) request->progress(progress);
}

bool Session::stage_excluded(const std::string& stage) const { return compiler::matches_any(request->exclude, stage); }

ServeSpec Session::serve_spec(const Candidate& candidate, const std::string& purpose) const {
  ServeSpec spec;
  spec.package = candidate.package;
  spec.variant = candidate.variant.name;
  spec.threads = candidate.recipe.vendor_defaults ? 0 : threads;
  spec.contexts = request->concurrency;
  spec.samples = store_directory;
  spec.directory = work / (candidate.recipe.name + "-" + purpose);
  spec.limits = limits;
  return spec;
}

int precision_rank(std::string_view precision) {
  constexpr std::string_view kOrder[] = {"unknown", "int4", "int8", "bf16", "f16", "f32", "f64"};
  if (precision == "mixed") precision = "int8";
  for (int rank = 0; rank < static_cast<int>(std::size(kOrder)); ++rank)
    if (kOrder[rank] == precision) return rank;
  return 0;
}

void note_info(const Session& session, Candidate& candidate, const Json& info) {
  CandidateRow& row = candidate.row;
  row.ran_precision = info.value("precision", std::string("unknown"));
  row.backend_version = info.value("vendor_version", std::string());
  row.vendor_library = info.value("vendor_library", std::string());
  if (info.contains("threads") && info["threads"].is_number_integer()) row.threads = info["threads"].get<int>();
  candidate.reduced = precision_rank(row.ran_precision) == 0 ||
                      precision_rank(row.ran_precision) < precision_rank(session.original_precision);
}

}  // namespace speedster::search
