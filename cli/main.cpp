// speedster: the command. What it does is in app.h and commands.h.
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <new>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/interrupt.h"

int main(int argc, char** argv) {
  using namespace speedster::cli;
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    Io io{std::cout, std::cerr, probe_terminal(STDOUT_FILENO), probe_terminal(STDERR_FILENO), watch_interrupts(json)};
    const int code = run_app(arguments, all_commands(), io);
    if (std::cout.flush()) return code;
    std::cerr
        << "speedster: [output] expected a stdout that can be written, got an error; try a file on a disk with room\n";
    return code == kOk ? kSystem : code;
  } catch (const std::bad_alloc&) {
    std::cerr << "speedster: [memory] expected memory for the command itself, got none; try to end other programs\n";
    return kSystem;
  } catch (const std::exception& error) {
    std::cerr << "speedster: [internal] expected no exception, got: " << error.what()
              << "; try again, and please report it\n";
    return kInternal;
  }
}
