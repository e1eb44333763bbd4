/// What `speedster-worker` can be (docs/design/worker.md). Each returns the process's exit code.
#pragma once
#include <string>

namespace speedster::worker {

/// One step: reads DIRECTORY/request.json, writes DIRECTORY/result.json and out/.
int job_mode(const std::string& directory);
/// A loaded package that checks and times on demand.
int serve_mode();
/// Prints what a backend's probe says, as JSON.
int probe_mode(const std::string& backend);

}  // namespace speedster::worker
