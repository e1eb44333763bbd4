/// A native step of a job: what it is given, and the table of all steps.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/json.h"
#include "base/log.h"

namespace speedster::worker {

/// What a step works on. Everything it writes goes below `out`.
struct StepContext {
  std::filesystem::path directory;                        ///< of the job
  std::filesystem::path out;                              ///< directory / "out", made
  std::map<std::string, std::filesystem::path> inputs;    ///< by name, resolved
  Json options = Json::object();
  int threads = 1;
  Log log;
  std::function<void(double share, const std::string& message)> progress;  ///< never empty

  /// Kind internal where the request has no such input.
  Result<std::filesystem::path> input(const std::string& name) const;
  /// `path` relative to the job's directory, as result.json has it.
  std::string relative(const std::filesystem::path& path) const;
};

/// Returns what result.json holds beside "ok": {"files": {NAME: relative path}, "summary": {…}}.
using Step = Result<Json> (*)(const StepContext&);

/// The step of this name, or null. steps.cpp lists them all.
Step find_step(const std::string& name);

Result<Json> simplify(const StepContext& context);
Result<Json> calibrate(const StepContext& context);
Result<Json> quantize_static(const StepContext& context);
Result<Json> quantize_dynamic(const StepContext& context);
Result<Json> convert_half(const StepContext& context);
Result<Json> compile(const StepContext& context);

}  // namespace speedster::worker
