/// Writes a package's winner in the vendor's own form, so that it runs where Speedster is not installed:
///
///     DIR/optimized/   the model (.onnx or OpenVINO IR) and session.json: the session's options in the vendor's words
///     DIR/original/    the same of the original, where the package has it
///     DIR/samples.safetensors, signature.json
///     DIR/run.py       loads, checks against the original's outputs and times both in interleaved blocks; it needs the
///                      vendor's Python package and numpy
#pragma once
#include "base/cancel.h"
#include "learner/options.h"

namespace speedster::learner {

struct ExportOptions {
  std::string entry = "main";
  std::string variant;  ///< empty = the first variant
  CancelToken cancel;   ///< looked at between two files: nothing is left then
};

struct ExportReport {
  std::filesystem::path directory;
  std::string variant, backend;
  std::string original;                   ///< name of the original's variant; empty where the package has none
  std::vector<std::string> requirements;  ///< what run.py needs: "onnxruntime==1.31.1", "numpy"
  std::vector<std::string> files;
};

/// Kind unsupported for a backend whose vendor has no form of its own (the reference). No vendor is loaded. An existing
/// `directory` is replaced only if it is an export.
Result<ExportReport> export_package(const std::filesystem::path& package, const std::filesystem::path& directory,
                                    const ExportOptions& options);
Json to_json(const ExportReport& report);

}  // namespace speedster::learner
