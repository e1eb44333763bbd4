/// Runs a program to its end and hands over its output by lines. No shell: argv arrays only.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"

namespace speedster::toolchain {

struct ProcessResult {
  int exit_code = 0;  ///< 128 + the signal's number if a signal ended it
  std::string tail;   ///< the last 4 KiB of output
};

/// stdout and stderr arrive together in `line`, in this thread; stdin is empty. The program gets its own process group,
/// which is killed when `cancel` is raised (kind cancelled) and when the program ends; the program dies with the thread
/// that called. `environment` holds "KEY=value" entries and replaces ours whole.
Result<ProcessResult> run_process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                                  const CancelToken& cancel, const std::function<void(std::string_view)>& line = {});

/// Our environment without what would lead a Python or pip elsewhere (PYTHONPATH, VIRTUAL_ENV, PIP_TARGET and such).
std::vector<std::string> python_environment();

/// The first executable of this name on PATH; empty if there is none. A name with a '/' is taken as it is.
std::filesystem::path find_program(std::string_view name);

}  // namespace speedster::toolchain
