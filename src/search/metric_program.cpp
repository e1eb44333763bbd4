#include "search/metric_program.h"

#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace speedster::search {
namespace {

constexpr std::uint64_t kMaxOutput = std::uint64_t{16} << 20U;
constexpr std::size_t kShownOutput = 2000;

}  // namespace

Result<std::vector<std::string>> resolve_program(std::vector<std::string> argv) {
  if (argv.empty()) return Error(ErrorKind::kUsage, "[metric] expected a command, got none");
  std::error_code error;
  if (argv[0].find('/') == std::string::npos) {
    for (const std::string& folder : split(environment("PATH"), ':')) {
      const fs::path candidate = fs::path(folder) / argv[0];
      if (folder.empty() || ::access(candidate.c_str(), X_OK) != 0 || fs::is_directory(candidate, error)) continue;
      argv[0] = candidate.string();
      break;
    }
  }
  for (std::string& word : argv)
    if (!word.starts_with('/') && word.find('{') == std::string::npos && fs::exists(word, error))
      word = fs::absolute(word, error).string();
  if (!argv[0].starts_with('/') || ::access(argv[0].c_str(), X_OK) != 0)
    return Error(ErrorKind::kUsage,
                 "[metric] expected a program that can be run, got \"" + argv[0] + "\"; try its path");
  return argv;
}

accuracy::RunProgram run_in_child(const Session& session) {
  return [&session](const std::vector<std::string>& argv, const fs::path& folder) -> Result<std::string> {
    job::Command command;
    command.argv = argv;
    command.directory = folder;
    // The folder may be the user's: what the program prints does not belong there.
    SPEEDSTER_ASSIGN(const TempDir printed, TempDir::create("metric-", session.work));
    command.log = printed.path() / "log.txt";
    command.output = printed.path() / "stdout.txt";  // a warning on stderr does not hide the drop
    command.limits = session.limits;
    command.limits.wall_seconds = session.request->candidate_timeout_seconds;
    command.name = "metric";
    SPEEDSTER_ASSIGN(job::Child child, session.supervisor->spawn(command));
    const job::Exit exit = child.wait(session.deadline.sooner(command.limits.wall_seconds), session.cancel);
    if (exit.fate != job::Fate::kOk) {
      // The program is the user's: its failure ends the search instead of blaming a candidate.
      if (exit.fate == job::Fate::kCancelled || session.deadline.passed()) return job::to_error(exit, "metric");
      std::string said = exit.log_tail;
      if (const auto output = read_file(command.output, kMaxOutput); output.ok() && !output->empty())
        said += (said.empty() ? "" : "\n") + output->substr(output->size() - std::min(output->size(), kShownOutput));
      return Error(ErrorKind::kBadInput, "[metric] expected " + argv[0] + " to print a drop, got: " +
                                             job::describe(exit) + (said.empty() ? "" : "\n" + said));
    }
    return read_file(command.output, kMaxOutput);
  };
}

}  // namespace speedster::search
