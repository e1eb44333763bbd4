/// Runs the user's metric program in a child.
#pragma once
#include "accuracy/external.h"
#include "search/session.h"

namespace speedster::search {

/// The program's argv with its executable found on PATH and its files named absolutely: the child has another working
/// directory. Kind usage where there is no such program.
Result<std::vector<std::string>> resolve_program(std::vector<std::string> argv);

/// Runs under the session's limits; what it wrote is in the folder's log.txt.
accuracy::RunProgram run_in_child(const Session& session);

}  // namespace speedster::search
