/// A request as the command that asks the same.
#pragma once
#include <speedster/optimize.h>

#include <string>

namespace speedster::search {

/// `speedster optimize …` with every option that differs from its default, quoted for a shell.
std::string command_of(const OptimizeRequest& request);
/// The command of this search, as typed where it was, with a budget that `drop` holds.
std::string accept_command(const OptimizeRequest& request, double drop);

}  // namespace speedster::search
