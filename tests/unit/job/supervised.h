/// What the tests of supervised children share.
#pragma once
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <string>

#include "base/files.h"
#include "job/processes.h"
#include "job/supervisor.h"

namespace speedster::job {

inline const std::string kChildProgram = std::string(SPEEDSTER_BUILD_DIR) + "/tests/job_child";

/// Whether a process runs (a zombie does not).
inline bool lives(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const Process process = parse_stat(line);
  return process.pid == pid && process.state != 'Z' && process.state != 'X';
}

/// Waits until it is gone.
inline bool gone_within(int pid, double seconds) {
  const Deadline deadline = Deadline::in(seconds);
  while (lives(pid)) {
    if (deadline.passed()) return false;
    ::usleep(2000);
  }
  return true;
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

class SupervisedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("speedster-job-test-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
    auto supervisor = Supervisor::start(kChildProgram, Log());
    ASSERT_TRUE(supervisor.ok()) << supervisor.error().message();
    supervisor_ = std::move(*supervisor);
  }
  void TearDown() override {
    supervisor_.reset();
    folder_.reset();
  }

  Command command(const std::string& mode, const std::string& argument = {}) {
    Command command;
    command.argv = {kChildProgram, mode};
    if (!argument.empty()) command.argv.push_back(argument);
    command.directory = folder_->path() / std::to_string(++number_);
    command.name = mode;
    fs::create_directories(command.directory);
    return command;
  }
  Child spawn(const Command& command) {
    auto child = supervisor_->spawn(command);
    EXPECT_TRUE(child.ok()) << child.error().message();
    if (!child) std::abort();
    return std::move(*child);
  }
  Exit run(const Command& command, double seconds = 30) {
    return spawn(command).wait(Deadline::in(seconds), CancelToken());
  }
  static Result<Json> call(Child& child, const Json& request, double seconds = 30) {
    return child.call(request, Deadline::in(seconds), CancelToken());
  }

  std::optional<TempDir> folder_;
  std::unique_ptr<Supervisor> supervisor_;
  int number_ = 0;
};

}  // namespace speedster::job
