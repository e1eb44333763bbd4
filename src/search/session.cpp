#include "search/session.h"

#include <algorithm>
#include <utility>

#include "samples/resample.h"
#include "tensor/copy.h"

namespace speedster::search {
namespace {

/// The inputs of the failed call as npz, for the vendor's script; nothing where there are none.
std::filesystem::path inputs_of(const Session& session, const job::ServeFailure& failure) {
  const Json& request = failure.requests.back();
  const bool several = request.contains("indices") && !request["indices"].empty();
  if (!several && !request.contains("sample")) return {};
  const std::size_t first = several ? request["indices"].front().get<std::size_t>() : request.value("sample", 0);
  const auto sample = session.store.sample(failure.sample.value_or(first));
  if (!sample.ok()) return {};
  const Json shapes = request.value("shapes", Json::object());
  std::vector<NamedTensor> inputs;
  for (std::size_t i = 0; i < sample->size(); ++i) {
    const std::string& name = session.store.input_names()[i];
    if (!shapes.contains(name)) {
      inputs.push_back({name, copy_of((*sample)[i])});
      continue;
    }
    auto made = samples::resample((*sample)[i], shapes[name].get<Shape>(), name);  // a corner of the shapes
    if (!made.ok()) return {};
    inputs.push_back({name, *std::move(made)});
  }
  const std::filesystem::path file = failure.directory / "inputs.npz";
  return samples::write_npz(file, inputs).ok() ? file : std::filesystem::path();
}

}  // namespace

void retire(Candidate& candidate, CandidateFate fate, std::string reason) {
  candidate.out = true;
  candidate.row.fate = fate;
  candidate.row.reason = std::move(reason);
  if (fate == CandidateFate::kFailed && candidate.row.job_directory.empty())
    candidate.row.job_directory = candidate.notes->failure_directory;
}

void Session::end_stage() {
  if (!stages.empty()) stages.back().seconds += now_seconds() - stage_started;
  stage_started = now_seconds();
}

Deadline Session::end_of(double share) const {
  if (!request->time_budget_seconds) return {};
  const double whole = *request->time_budget_seconds, held = std::min(held_back, whole / 2);
  return total.minus(held + (1.0 - std::min(share * stretch, 1.0)) * (whole - held));
}

void Session::enter(const std::string& stage, double share) {
  end_stage();
  const auto seen = std::find_if(stages.begin(), stages.end(), [&](const StageTime& s) { return s.stage == stage; });
  if (seen == stages.end())
    stages.push_back({stage, 0});
  else
    std::rotate(seen, seen + 1, stages.end());
  deadline = end_of(share);
  progress.stage = stage;
  // Whoever bounds the cache takes the stores that were used last for those in use.
  std::error_code ignored;
  if (!store_directory.empty()) fs::last_write_time(store_directory, fs::file_time_type::clock::now(), ignored);
  tell();
}

void Session::tell(const std::string& message) {
  progress.elapsed_seconds = now_seconds() - started;
  if (total.limited()) progress.seconds_left = total.left();
  progress.message = message;
  if (!message.empty()) log.info(message);
  if (request != nullptr && request->progress) request->progress(progress);
}

Result<void> Session::remember_model() {
  model_stamps.clear();
  std::vector<fs::path> files = {model};
  files.insert(files.end(), model_companions.begin(), model_companions.end());
  for (fs::path& file : files) {
    SPEEDSTER_ASSIGN(const FileStamp stamp, stamp_of(file));
    model_stamps.emplace_back(std::move(file), stamp);
  }
  return {};
}

Result<void> Session::model_unchanged() const {
  for (const auto& [file, stamp] : model_stamps)
    if (const auto now = stamp_of(file); !now.ok() || *now != stamp)
      return Error(ErrorKind::kBadInput, "[search] expected " + file.string() +
                                             " to stay as it was when the search began, got a changed file; try again "
                                             "once it is written");
  return {};
}

bool Session::stage_excluded(const std::string& stage) const { return compiler::matches_any(request->exclude, stage); }

ServeSpec Session::serve_spec(const Candidate& candidate, const std::string& purpose) const {
  ServeSpec spec;
  spec.package = candidate.package;
  spec.variant = candidate.variant.name;
  spec.threads = threads_of(candidate.recipe);
  spec.contexts = request->concurrency;
  spec.samples = store_directory;
  spec.directory = work / (candidate.recipe.name + "-" + purpose);
  spec.limits = limits;
  spec.limits.threads = threads;
  spec.outputs = signature.outputs.size();
  spec.call_timeout_seconds = request->candidate_timeout_seconds;
  spec.failed = [this, notes = candidate.notes, variant = candidate.variant, version = candidate.row.backend_version,
                 used = spec.threads](job::ServeFailure failure) {
    if (stopping()) return;  // the end of the time is no fault of the candidate
    failure.vendor = job::VendorRepro{variant.backend, version, variant.payload, {}, variant.options, used};
    failure.inputs = inputs_of(*this, failure);
    auto kept = job::keep_failure(failure);
    if (kept.ok())
      notes->failure_directory = kept->string();
    else
      log.warning(kept.error().full_message());
  };
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
  const auto text = [&](const char* key) {
    const auto found = json_string(info, key, "serve");
    return found.ok() ? *found : std::string();
  };
  row.ran_precision = text("precision").empty() ? "unknown" : text("precision");
  row.backend_version = text("vendor_version");
  row.vendor_library = text("vendor_library");
  if (info.contains("threads") && info["threads"].is_number_integer()) row.threads = info["threads"].get<int>();
  // "mixed" hides what the parts of the original ran in: then whoever was asked for less than full precision is
  // reduced.
  const bool asked_for_less =
      session.original_precision == "mixed" && !row.requested_precision.empty() && row.requested_precision != "fp32";
  candidate.reduced = precision_rank(row.ran_precision) == 0 || asked_for_less ||
                      precision_rank(row.ran_precision) < precision_rank(session.original_precision);
}

}  // namespace speedster::search
