/// A step as an isolated process in a relocatable directory: request.json, inputs/, and after it result.json, log.txt,
/// out/, repro.sh (and repro_vendor.py where the vendor failed). Content-addressed: the key is the digest of inputs,
/// options, step version, toolchain versions, and the fingerprint where it matters (docs/design/worker.md).
#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "job/supervisor.h"

namespace speedster::job {

struct JobRequest {
  std::string step;                                     ///< "quantize-static", "nncf", "compile", …
  std::string kind;                                     ///< convert, compress, compile, check
  int version = 1;                                      ///< of the step
  std::string toolchain;                                ///< empty = native step inside speedster-worker
  std::string toolchain_version;                        ///< digest of its lock and script; part of the key
  std::map<std::string, std::filesystem::path> inputs;  ///< name → file or folder
  /// Files that lie beside an input file and belong to it (an ONNX model's external data), in its folder or below.
  std::map<std::string, std::vector<std::filesystem::path>> companions;
  std::map<std::string, std::string> input_digests;  ///< name → digest of input and companions where already known
  std::set<std::string> owned;  ///< inputs that Speedster wrote and never changes: linked, not copied
  Json options = Json::object();
  std::string fingerprint;  ///< empty where the result does not depend on the machine
  /// Called once the inputs were copied: an error ends it there, before anything is made of them.
  std::function<Result<void>()> inputs_unchanged;
  Limits limits;  ///< not part of the key
};

struct JobResult {
  std::filesystem::path directory;  ///< of the job; outputs are in directory / "out"
  Json result =
      Json::object();  ///< result.json: {"ok": true, "files": {…}, …} or {"ok": false, "error": {kind, message}}
  Exit exit;
  bool from_cache = false;

  bool ok() const { return result.is_object() && result.value("ok", Json(false)) == Json(true); }
  /// The error of a job that is not ok().
  Error error() const;
};

/// Hex key of a request: 64 digits. Reads the inputs whose digest is not given. An input inside a job directory below
/// `cache` is known by that job's key and its place in it, so a chain of cached steps reads nothing.
Result<std::string> job_key(const JobRequest& request, const std::filesystem::path& cache = {});

/// The cache of finished jobs: CACHE/jobs/KEY. Bounded in size, least recently used first out; a directory appears
/// whole. Copies share it; used from any threads, and by any number of processes at once: of two that want the same
/// job, one runs it and the other waits. What was handed out is not removed while the handing object lives.
class JobCache {
 public:
  static Result<JobCache> open(const std::filesystem::path& root, std::uint64_t limit_bytes);
  /// Runs the job, or answers from the cache. A job that failed is a value whose result has "ok": false, remembered for
  /// this search only (its own time limit too; not the end of the search's time, nor cancels); its directory is kept as
  /// state_directory()/failed/KEY with repro.sh. Errors: inputs that cannot be read, no space, no worker, cancelled or
  /// out of time before it started.
  Result<JobResult> run(Supervisor& supervisor, const JobRequest& request, const Deadline& deadline,
                        const CancelToken& cancel, const std::function<void(const Json&)>& progress = {});
  struct Entry {
    std::string key, step;
    std::uint64_t bytes = 0;  ///< of its files; those linked from elsewhere count here too
    double age_seconds = 0;   ///< since it was last used
  };
  /// Most recently used first.
  std::vector<Entry> list() const;
  /// Copies of users' files that no entry uses any more; pruning removes them an hour after they were made.
  std::uint64_t unused_copies_bytes() const;
  /// Removes least recently used entries, and what interrupted jobs left, until at most `bytes` are used. What others
  /// use right now stays. Returns bytes freed.
  std::uint64_t prune(std::uint64_t bytes);

 private:
  struct State;
  explicit JobCache(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace speedster::job
