/// A step as an isolated process in a relocatable directory: request.json, inputs/, and after it result.json, log.txt,
/// out/, repro.sh (and repro_vendor.py where the vendor failed). Content-addressed: the key is the digest of inputs,
/// options, step version, toolchain versions, and the fingerprint where it matters (ARCHITECTURE.md, fixed 7).
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "job/supervisor.h"

namespace speedster::job {

struct JobRequest {
  std::string step;       ///< "quantize-static", "nncf", "compile", …
  std::string kind;       ///< convert, compress, compile, check
  int version = 1;        ///< of the step
  std::string toolchain;  ///< empty = native step inside speedster-worker
  std::map<std::string, std::filesystem::path>
      inputs;  ///< name → file or folder (copied or mapped read-only by path digest)
  std::map<std::string, std::string> input_digests;  ///< name → sha256 where already known
  Json options = Json::object();
  std::string fingerprint;  ///< empty where the result does not depend on the machine
  Limits limits;
};

struct JobResult {
  std::filesystem::path directory;  ///< of the job; outputs are in directory / "out"
  Json result =
      Json::object();  ///< result.json: {"ok": true, "files": […], …} or {"ok": false, "error": {kind, message}}
  Exit exit;
  bool from_cache = false;
};

/// Hex key of a request: 64 digits.
Result<std::string> job_key(const JobRequest& request);

/// The cache of finished jobs: CACHE/jobs/KEY. Bounded in size, least recently used first out; a directory appears
/// whole.
class JobCache {
 public:
  static Result<JobCache> open(const std::filesystem::path& root, std::uint64_t limit_bytes);
  /// Runs the job, or answers from the cache. Failures are remembered for this search only (not timeouts and cancels),
  /// and their directory is kept under STATE/failed/KEY with repro.sh.
  Result<JobResult> run(Supervisor& supervisor, const JobRequest& request, const Deadline& deadline,
                        const CancelToken& cancel, const std::function<void(const Json&)>& progress = {});
  struct Entry {
    std::string key, step;
    std::uint64_t bytes;
    double age_seconds;
  };
  std::vector<Entry> list() const;
  /// Removes least recently used entries until at most `bytes` are used. Returns bytes freed.
  std::uint64_t prune(std::uint64_t bytes);

 private:
  std::filesystem::path root_;
  std::uint64_t limit_bytes_ = 0;
};

}  // namespace speedster::job
