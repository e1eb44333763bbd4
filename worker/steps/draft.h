/// A draft package: the form in which every candidate, the original too, is checked, raced, confirmed and shipped.
#pragma once
#include "package/manifest.h"
#include "worker/steps/step.h"

namespace speedster::worker {

/// What a backend wrote, in the words of its answer.
struct Artifact {
  fs::path folder;                 ///< where `files` are
  std::vector<std::string> files;  ///< relative to it
  std::string payload;             ///< the file that the plug-in loads
  std::string format;
  package::PayloadKind kind = package::PayloadKind::kData;
  package::Needs needs;
};

/// Writes out/package with one variant from the options name, backend, load, techniques, threads, needs_isa and
/// signature; returns the result's summary.
Result<Json> write_draft(const StepContext& context, const Artifact& artifact, const std::string& vendor_version);

}  // namespace speedster::worker
