#include "learner/program.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/process.h"

namespace speedster::learner {

Result<int> run_program(const Program& program) {
  const UniqueFd output(::open(program.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!output.valid()) return errno_error(errno, "program", "a file for the output", program.output);
  SPEEDSTER_ASSIGN(ProcessGroup group,
                   ProcessGroup::start(program.arguments, program.environment, output.get(), "program"));
  for (const Deadline deadline = Deadline::in(program.seconds); !group.ended();) {
    if (deadline.passed())
      return Error(ErrorKind::kTimeout, "[program] expected " + program.arguments.front() +
                                            " to end, got none within " +
                                            std::to_string(static_cast<int>(program.seconds)) + " s");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const int status = group.wait();
  if (WIFSIGNALED(status))
    return Error(ErrorKind::kCrashed, "[program] expected " + program.arguments.front() + " to end, got signal " +
                                          std::to_string(WTERMSIG(status)));
  return WEXITSTATUS(status);
}

}  // namespace speedster::learner
