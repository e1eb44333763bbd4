/// A native step: a function from a job's inputs and options to files in out/. One file a step; registry.cpp lists
/// them.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace speedster::worker {

struct StepContext {
  std::string step;
  fs::path directory;                      ///< of the job
  fs::path out;                            ///< directory / "out"
  std::map<std::string, fs::path> inputs;  ///< name → path inside the directory
  Json options = Json::object();
  int threads = 1;
  std::function<void(double share, const std::string& message)> progress;

  /// Kind usage where the request has no such input.
  Result<fs::path> input(const std::string& name) const;
  std::string text(const char* key, const std::string& fallback) const;
  double number(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::vector<std::string> texts(const char* key) const;
};

/// Returns the summary of result.json with its "files": {name: path relative to the directory}.
using StepFunction = Result<Json> (*)(const StepContext&);
struct Step {
  std::string_view name;
  StepFunction run;
};
/// All native steps.
std::span<const Step> steps();

Result<Json> calibrate_step(const StepContext& context);
Result<Json> compile_step(const StepContext& context);
Result<Json> convert_half_step(const StepContext& context);
/// Options strength, insert, exclude: compressor/migration.h. Input "ranges" of a calibration with "channels".
Result<Json> migrate_scales_step(const StepContext& context);
Result<Json> pack_step(const StepContext& context);
Result<Json> quantize_dynamic_step(const StepContext& context);
/// Options bits (4 or 8), block, integer, exclude: compressor/weight_only.h.
Result<Json> quantize_weights_step(const StepContext& context);
Result<Json> quantize_static_step(const StepContext& context);
Result<Json> rewrite_step(const StepContext& context);
Result<Json> sensitivity_step(const StepContext& context);

/// Hands the job over to a toolchain's script: cuts the samples that it wants, and becomes the script. Returns only
/// where that fails.
Result<Json> become_toolchain_step(const StepContext& context, const std::string& toolchain);

}  // namespace speedster::worker
