/// Puts a job's request and inputs into its directory. Large inputs are not copied each time:
///   - where the file system can share blocks (reflink), they share them;
///   - a native step gets a hard link to an immutable file: one of the cache's own, one that the caller owns, or a copy
///     that the cache makes once (blobs/DIGEST, read-only) of a file that the user may change later;
///   - a toolchain's step gets a copy: Python's onnx refuses external data that has several links.
#pragma once
#include "job/job.h"

namespace speedster::job {

/// Writes `directory`/request.json, inputs/NAME/… and an empty out/. `cache`: the root, with blobs/ in it. A file that
/// another job made brings all of its folder with it: weights of an IR, external data.
Result<void> stage(const JobRequest& request, const std::filesystem::path& directory,
                   const std::filesystem::path& cache);

/// "KEY/out/model.onnx" for a path inside a finished job of the cache.
std::optional<std::string> place_in_cache(const std::filesystem::path& path, const std::filesystem::path& cache);

/// The place of each input inside a job directory, in the words of request.json. Kind usage for bad names.
Result<std::map<std::string, std::string>> input_places(const JobRequest& request);

/// Where a companion lies relative to its input file: below it. Kind bad input otherwise.
Result<std::string> companion_place(const std::filesystem::path& input, const std::filesystem::path& companion);

}  // namespace speedster::job
