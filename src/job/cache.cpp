#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <thread>
#include <variant>

#include "base/text.h"
#include "job/cache_files.h"
#include "job/job.h"
#include "job/reply.h"
#include "job/repro.h"
#include "job/staging.h"

namespace speedster::job {
namespace {

/// What a job says, on descriptor 4 or in its result.json, is bounded.
constexpr std::uint64_t kMaxResult = std::uint64_t{64} << 20U;
/// How often a search that waits for another one's job looks again.
constexpr auto kPoll = std::chrono::milliseconds(20);

std::string stage_name(const JobRequest& request) {
  const Json backend = request.options.is_object() ? request.options.value("backend", Json("")) : Json("");
  const std::string name = backend.is_string() ? backend.get<std::string>() : "";
  return name.empty() ? request.step : request.step + "/" + name;
}

/// result.json if it is there and well-formed.
std::optional<Json> read_result(const fs::path& directory) {
  const Result<std::string> text = read_file(directory / "result.json", kMaxResult);
  if (!text) return std::nullopt;
  Result<Json> json = parse_json(*text, "job");
  if (!json || !json->is_object()) return std::nullopt;
  return std::move(json).value();
}

/// An ok result must name files that are there, inside the directory.
Result<void> check_files(const Json& result, const fs::path& directory, const std::string& who) {
  const Json files = result.value("files", Json::object());
  if (!files.is_object()) return Error(ErrorKind::kVendor, "[" + who + "] expected a table of files in result.json");
  for (const auto& [name, value] : files.items()) {
    if (!value.is_string())
      return Error(ErrorKind::kVendor, "[" + who + "] expected paths in result.json, got another value");
    SPEEDSTER_ASSIGN(const fs::path path, inside(directory, value.get<std::string>(), who));
    std::error_code error;
    if (!fs::exists(path, error))
      return Error(ErrorKind::kVendor, "[" + who + "] expected the output " + name +
                                           " that result.json names, got nothing at " + value.get<std::string>());
  }
  return {};
}

/// What became of the job, from its exit, its result.json and the last thing it said.
Json judge(const Exit& exit, const fs::path& directory, const Json& last_words, const std::string& who) {
  const std::optional<Json> written = read_result(directory);
  const bool said_its_piece = exit.fate == Fate::kOk || exit.fate == Fate::kExit;
  if (!said_its_piece) return to_reply(to_error(exit, who));
  Json result = written ? *written : last_words;
  if (!result.is_object() || !result.contains("ok")) {
    if (exit.fate == Fate::kExit) return to_reply(to_error(exit, who));
    return to_reply(
        Error(ErrorKind::kVendor, "[" + who + "] expected a result.json, got none; try log.txt in its job directory"));
  }
  if (result["ok"] != Json(true)) return to_reply(error_from_reply(result, who));
  if (exit.fate == Fate::kExit) return to_reply(to_error(exit, who));
  if (const Result<void> checked = check_files(result, directory, who); !checked) return to_reply(checked.error());
  return result;
}

}  // namespace

struct JobCache::State {
  CacheFiles files;
  std::uint64_t limit_bytes = 0;
  std::mutex mutex;
  std::map<std::string, FileLock> pins;       ///< what was handed out and must stay
  std::map<std::string, JobResult> failures;  ///< of this search

  /// The finished job, or the right to run it. Waits while another search runs it.
  Result<std::variant<JobResult, FileLock>> claim(const std::string& key, const Deadline& deadline,
                                                  const CancelToken& cancel) {
    using Claim = std::variant<JobResult, FileLock>;
    while (true) {
      if (std::optional<JobResult> failed = failed_before(key)) return Claim(*std::move(failed));
      SPEEDSTER_ASSIGN(std::optional<FileLock> shared, FileLock::try_take(files.lock(key), FileLock::Mode::kShared));
      if (shared)
        if (std::optional<JobResult> done = pinned(key, std::move(*shared))) return Claim(std::move(*done));
      shared.reset();
      SPEEDSTER_ASSIGN(std::optional<FileLock> own, FileLock::try_take(files.lock(key), FileLock::Mode::kExclusive));
      if (own && !finished(key)) {
        // Who had it until now tells of a failure before giving it up.
        if (std::optional<JobResult> failed = failed_before(key)) return Claim(*std::move(failed));
        return Claim(std::move(*own));
      }
      own.reset();
      if (cancel.cancelled())
        return Error(ErrorKind::kCancelled, "[cache] expected another search to finish the same job, got cancelled");
      if (deadline.passed())
        return Error(ErrorKind::kTimeout,
                     "[cache] expected another search to finish the same job in time, got none; "
                     "try a longer time budget");
      std::this_thread::sleep_for(kPoll);
    }
  }

  std::optional<JobResult> failed_before(const std::string& key) {
    const std::lock_guard guard(mutex);
    const auto failed = failures.find(key);
    return failed == failures.end() ? std::nullopt : std::optional<JobResult>(failed->second);
  }

  /// The result of the job if it is there, whole and one that this release reads.
  std::optional<Json> finished(const std::string& key) const {
    if (!files.intact(key)) return std::nullopt;
    std::optional<Json> result = read_result(files.entry(key));
    return result && result->value("ok", Json()) == Json(true) ? std::move(result) : std::nullopt;
  }

  /// The finished job, kept from now on; nothing if it is not there.
  std::optional<JobResult> pinned(const std::string& key, FileLock lock) {
    std::optional<Json> result = finished(key);
    if (!result) return std::nullopt;
    files.touch(key);
    const std::lock_guard guard(mutex);
    pins.try_emplace(key, std::move(lock));
    return JobResult{files.entry(key), std::move(*result), Exit(), true};
  }
};

JobCache::JobCache(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<JobCache> JobCache::open(const fs::path& root, std::uint64_t limit_bytes) {
  auto state = std::make_shared<State>();
  SPEEDSTER_ASSIGN(state->files, CacheFiles::open(root));
  state->limit_bytes = limit_bytes;
  return JobCache(std::move(state));
}

Result<JobResult> JobCache::run(Supervisor& supervisor, const JobRequest& request, const Deadline& deadline,
                                const CancelToken& cancel, const std::function<void(const Json&)>& progress) {
  State& state = *state_;
  const std::string who = stage_name(request);
  SPEEDSTER_ASSIGN(const std::string key, job_key(request, state.files.root()));
  SPEEDSTER_ASSIGN(auto claim, state.claim(key, deadline, cancel));
  if (auto* known = std::get_if<JobResult>(&claim)) return std::move(*known);
  auto& lock = std::get<FileLock>(claim);

  SPEEDSTER_ASSIGN(const fs::path staging, state.files.begin(key));
  SPEEDSTER_TRY(stage(request, staging, state.files.root()));
  if (request.inputs_unchanged) {
    if (auto same = request.inputs_unchanged(); !same.ok()) {
      state.files.discard(key);
      return std::move(same).error();
    }
  }
  SPEEDSTER_TRY(write_repro(staging, request.limits));
  Command command;
  command.argv = {supervisor.worker().string(), "job", "."};
  command.directory = staging;
  command.limits = request.limits;
  command.name = who;
  SPEEDSTER_ASSIGN(Child child, supervisor.spawn(command));
  Json last_words;
  JobResult job;
  job.exit = child.wait(deadline, cancel, [&](const Json& line) {
    if (line.contains("ok"))
      last_words = line;
    else if (progress)
      progress(line);
  });
  job.result = judge(job.exit, staging, last_words, who);
  if (job.ok()) {
    SPEEDSTER_TRY(state.files.publish(key, request.step));
    lock.share();
    std::optional<JobResult> published = state.pinned(key, std::move(lock));
    if (!published) return Error(ErrorKind::kInternal, "[cache] expected the job that was just finished, got nothing");
    published->exit = std::move(job.exit);
    published->from_cache = false;
    prune(state.limit_bytes);
    return std::move(*published);
  }

  const bool by_own_limit = request.limits.wall_seconds > 0 && job.exit.wall_seconds >= request.limits.wall_seconds;
  if (job.exit.fate == Fate::kCancelled || (job.exit.fate == Fate::kTimeout && !by_own_limit)) {
    state.files.discard(key);  // the search ended, the job did not fail
    return job;
  }
  SPEEDSTER_TRY(write_file(staging / "result.json", to_text(job.result, 2) + "\n"));
  SPEEDSTER_ASSIGN(job.directory, state.files.keep_failed(key));
  // Who waits for the same job need not wait through its failure, its own time limit among them, again.
  const std::lock_guard guard(state.mutex);
  state.failures[key] = job;
  return job;
}

std::vector<JobCache::Entry> JobCache::list() const { return state_->files.list(); }

std::uint64_t JobCache::unused_copies_bytes() const { return state_->files.unused_blob_bytes(); }

std::uint64_t JobCache::prune(std::uint64_t bytes) { return state_->files.prune(bytes); }

}  // namespace speedster::job
