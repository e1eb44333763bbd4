/// Ctrl-C: the first one asks the command to end in good order, the second one ends the process.
#pragma once
#include <atomic>

namespace speedster::cli {

/// Installs the handler for SIGINT and SIGTERM and returns the flag that it raises. Children are ended by their
/// watchdog, however this process ends.
const std::atomic<bool>* watch_interrupts();

}  // namespace speedster::cli
