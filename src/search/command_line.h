/// A request as the command that asks the same.
#pragma once
#include <speedster/optimize.h>

#include <string>
#include <utility>
#include <vector>

namespace speedster::search {

/// `speedster optimize …` with every option that differs from its default, quoted for a shell.
std::string command_of(const OptimizeRequest& request);
/// Options and the values that they are to have.
using Settings = std::vector<std::pair<std::string, std::string>>;
/// A budget that `drop` holds, as a setting.
std::pair<std::string, std::string> budget_setting(double drop);
/// The command of this search, as typed where it was, with these options in place of its own.
std::string accept_command(const OptimizeRequest& request, const Settings& settings);

}  // namespace speedster::search
