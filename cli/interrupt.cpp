#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace speedster::cli {
namespace {

// A signal handler has no other way to be given its flag.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void on_signal(int signal) {
  if (interrupted.exchange(true)) ::_exit(128 + signal);
}

}  // namespace

const std::atomic<bool>* watch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  // A reader that goes away ("| head") is an error of write(), not the end of a search.
  std::signal(SIGPIPE, SIG_IGN);
  return &interrupted;
}

}  // namespace speedster::cli
