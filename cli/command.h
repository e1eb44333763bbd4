/// What a command of `speedster` is: it declares its options and returns what to do once they are parsed.
#pragma once
#include <speedster/error.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/exit_codes.h"
#include "cli/terminal.h"

namespace speedster::cli {

/// The surroundings of a command, and the options that each has.
struct Io {
  std::ostream& out;
  std::ostream& err;
  Terminal out_terminal, err_terminal;
  const std::atomic<bool>* cancel = nullptr;  ///< raised by Ctrl-C, for commands that await it (interrupt.h)
  bool json = false;                          ///< results on `out` as JSON
  bool quiet = false;                         ///< no progress on `err`
  bool verbose = false;                       ///< log messages on `err`
  std::vector<std::string> arguments;         ///< as typed, without the program's name

  /// A line for people on `out`, fit for its terminal; nothing with --json.
  void say(std::string_view text) const;
  /// A JSON result on `out`.
  void print(const Json& json) const;
};

using Run = std::function<Result<ExitCode>(Io& io)>;

struct Command {
  std::string name, summary;
  /// Adds options to the command's app, which outlives the Run that comes back.
  std::function<Run(CLI::App& app)> declare;
};

/// Option groups, in the order of the help text.
inline constexpr const char* kSamplesGroup = "Samples";
inline constexpr const char* kAccuracyGroup = "Accuracy";
inline constexpr const char* kLimitsGroup = "Limits";
inline constexpr const char* kTriedGroup = "What is tried";
inline constexpr const char* kSessionGroup = "Session";
inline constexpr const char* kBoundsGroup = "Bounds";
inline constexpr const char* kOutputGroup = "Output";
inline constexpr const char* kInstallGroup = "Installation";
inline constexpr const char* kLoadGroup = "Loading";

}  // namespace speedster::cli
