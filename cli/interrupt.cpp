#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

#include "cli/exit_codes.h"

namespace speedster::cli {
namespace {

// A signal handler has no other way to be given what it needs.
std::atomic<bool> interrupted{false}, told_as_json{false};
std::atomic<int> awaited{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

void on_signal(int signal) {
  if (interrupted.exchange(true)) ::_exit(128 + signal);
  if (awaited == 0) end_as_interrupted();
}

}  // namespace

void end_as_interrupted() {
  static constexpr std::string_view kText = "speedster: [cancelled] interrupted\n";
  static constexpr std::string_view kJson =
      "{\n  \"ok\": false,\n  \"error\": {\"kind\": \"cancelled\", \"message\": \"[cancelled] interrupted\"},\n"
      "  \"exit_code\": 7\n}\n";
  static_assert(kCancelled == 7);
  if (told_as_json) (void)!::write(STDOUT_FILENO, kJson.data(), kJson.size());
  (void)!::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(kCancelled);
}

AwaitsInterrupt::AwaitsInterrupt() { ++awaited; }
AwaitsInterrupt::~AwaitsInterrupt() { --awaited; }

const std::atomic<bool>* watch_interrupts(bool json) {
  told_as_json = json;
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
