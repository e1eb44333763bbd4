/// The command line as a whole: finds the command, parses its options, runs it, and turns what happened into an exit
/// code.
#pragma once
#include <string>
#include <vector>

#include "cli/command.h"

namespace speedster::cli {

/// `arguments` without the program's name. Results go to io.out, everything else to io.err.
int run_app(const std::vector<std::string>& arguments, const std::vector<Command>& commands, Io& io);

/// What is printed of an error with --json: "ok" false, "error" with its kind and message, "exit_code".
Json error_json(const Error& error);

/// Option names ("--data") by command, for the completion script.
std::vector<std::pair<std::string, std::vector<std::string>>> option_names(const std::vector<Command>& commands);

}  // namespace speedster::cli
