#include "cli/commands.h"

#include "cli/optimize.h"

namespace speedster::cli {

std::vector<Command> all_commands() {
  std::vector<Command> commands = {optimize_command(optimize), run_command(),       bench_command(),  inspect_command(),
                                   verify_command(),           merge_command(),     bundle_command(), export_command(),
                                   doctor_command(),           toolchain_command(), cache_command()};
  commands.push_back(completion_command(commands));
  return commands;
}

}  // namespace speedster::cli
