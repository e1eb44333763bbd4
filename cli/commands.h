/// The commands, a file each.
#pragma once
#include <vector>

#include "cli/command.h"

namespace speedster::cli {

Command run_command();
Command bench_command();
Command inspect_command();
Command verify_command();
Command merge_command();
Command bundle_command();
Command export_command();
Command doctor_command();
Command toolchain_command();
Command cache_command();
/// Knows the names of the others.
Command completion_command(std::vector<Command> others);

/// All of them, in the order of the help text.
std::vector<Command> all_commands();

}  // namespace speedster::cli
