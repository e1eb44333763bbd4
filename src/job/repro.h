/// What makes a failure repeatable: repro.sh runs a job again, repro_vendor.py shows a vendor's failure without
/// Speedster.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "job/job.h"

namespace speedster::job {

/// DIRECTORY/repro.sh: runs the job again on a copy of the directory, under the same limits. Wherever the directory
/// lies; it needs speedster-worker (SPEEDSTER_WORKER, else PATH).
Result<void> write_repro(const std::filesystem::path& directory, const Limits& limits);

/// DIRECTORY/repro.sh: sends DIRECTORY/requests.jsonl to `speedster-worker serve`, which loads DIRECTORY/package.
Result<void> write_serve_repro(const std::filesystem::path& directory, const Limits& limits);

/// What a vendor was asked to do when it failed.
struct VendorRepro {
  std::string backend;                         ///< "onnxruntime", "openvino"
  std::string version;                         ///< of the vendor's library, where known
  std::string model;                           ///< path of the model relative to the directory; empty = it was probed
  std::string sample;                          ///< npz with inputs, relative; empty = ones of the least shape
  std::map<std::string, std::string> options;  ///< load options in the plug-in's words
  int threads = 1;
};

/// DIRECTORY/repro_vendor.py: the same load and one call (or probe) in the vendor's own words; needs only the vendor's
/// package, numpy, the model and the input, so that it can be filed upstream. Kind unsupported for a backend without a
/// template.
Result<void> write_vendor_repro(const std::filesystem::path& directory, const VendorRepro& what);

/// The backends with a template.
std::vector<std::string> vendors_with_repro();

}  // namespace speedster::job
