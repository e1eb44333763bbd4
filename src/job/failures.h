/// What failed is kept as state_directory()/failed/NAME, the newest ones, each with repro.sh.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "job/repro.h"

namespace speedster::job {

/// Moves a directory there under this name, in place of an older one; only the newest 16 stay. Returns its place.
Result<fs::path> move_to_failures(const fs::path& directory, const std::string& name);

/// A check, a timing or a probe that failed: a child in serve mode that crashed, hung, ran out of memory or refused.
struct ServeFailure {
  fs::path directory;          ///< where the child ran; its log.txt is kept
  fs::path package;            ///< what it loaded; empty = nothing
  fs::path samples;            ///< the store; empty = none
  std::vector<Json> requests;  ///< "load", then the one that failed; or "probe"
  Error error;
  Limits limits;
  std::optional<std::size_t> sample;  ///< at which a request of several failed, where known
  std::optional<VendorRepro> vendor;  ///< `model` relative to the package
  fs::path inputs;                    ///< npz with the inputs of the failed call, for the vendor's script; empty = none
};
/// Keeps it in a form that runs anywhere: package/ and samples/ beside the requests, and repro.sh that sends them to
/// `speedster-worker serve`. Package and samples are linked where they can be. Returns the directory.
Result<fs::path> keep_failure(const ServeFailure& failure);

}  // namespace speedster::job
