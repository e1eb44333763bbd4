/// speedster-worker: the only executable in which vendor code runs during a search.
#include <speedster/version.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <span>

#include "base/files.h"
#include "base/text.h"
#include "job/exec.h"
#include "job/supervisor.h"
#include "worker/modes.h"

namespace {

using namespace speedster;

constexpr int kUsageExit = 64;

int usage() {
  std::fputs(
      "usage: speedster-worker job DIRECTORY | serve | probe BACKEND | exec LIMITS -- ARGV… | watchdog PARENT TOKEN\n"
      "This program is started by speedster; repro.sh in a job's directory starts it by hand.\n",
      stderr);
  return kUsageExit;
}

int dispatch(std::span<const std::string> words);

/// Becomes another program under limits. Where that is this very program there is nothing to load again.
int exec_mode(std::span<const std::string> words) {
  const Result<std::vector<std::string>> argv = job::limit_self(words);
  if (!argv) {
    std::fprintf(stderr, "%s\n", argv.error().message().c_str());
    return kUsageExit;
  }
  std::error_code error;
  if (fs::equivalent(argv->front(), "/proc/self/exe", error)) return dispatch(std::span(*argv).subspan(1));
  return job::become(*argv);
}

int dispatch(std::span<const std::string> words) {
  const std::string mode = words.empty() ? "" : words[0];
  if (mode == "exec") return exec_mode(words.subspan(1));
  if (mode == "job" && words.size() == 2) return worker::job_mode(words[1]);
  if (mode == "serve" && words.size() == 1) return worker::serve_mode();
  if (mode == "probe" && words.size() == 2) return worker::probe_mode(words[1]);
  if (mode == "watchdog" && words.size() == 3) {
    const std::optional<int> parent = parse_number<int>(words[1]);
    if (parent) return job::watchdog_main(3, *parent, words[2]);
  }
  if (mode == "--version") {
    std::puts("speedster-worker " SPEEDSTER_VERSION_STRING);
    return 0;
  }
  return usage();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    return dispatch(words);
  } catch (const std::bad_alloc&) {
    return job::kOutOfMemoryExit;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "[worker] expected no exception, got: %s\n", error.what());
    return 1;
  }
}
