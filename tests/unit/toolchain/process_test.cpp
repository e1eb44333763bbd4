#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "toolchain/fixture.h"

namespace speedster::toolchain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<ProcessResult> shell(const std::string& script, const CancelToken& cancel = {},
                            const std::function<void(std::string_view)>& line = {}) {
  return run_process({"/bin/sh", "-c", script}, {"PATH=/usr/bin:/bin"}, cancel, line);
}

TEST(Process, GivesLinesOfBothStreamsAndTheExitCode) {
  std::vector<std::string> lines;
  const Result<ProcessResult> result = shell("echo one; echo two >&2; printf three; exit 7", {},
                                             [&](std::string_view line) { lines.emplace_back(line); });
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_THAT(lines, ElementsAre("one", "two", "three"));
}

TEST(Process, ASignalIs128AndItsNumber) {
  const Result<ProcessResult> result = shell("kill -9 $$");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->exit_code, 128 + SIGKILL);
}

TEST(Process, KeepsTheTailOnly) {
  const Result<ProcessResult> result = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
  ASSERT_TRUE(result.ok());
  EXPECT_LE(result->tail.size(), 4096U);
  EXPECT_THAT(result->tail, HasSubstr("line 2999\n"));
  EXPECT_EQ(result->tail.find("line 1\n"), std::string::npos);
}

TEST(Process, StdinIsEmptyAndTheEnvironmentIsWhatWasGiven) {
  std::vector<std::string> lines;
  const Result<ProcessResult> result = run_process({"/bin/sh", "-c", "cat; echo \"$MARK:$HOME\""}, {"MARK=yes"}, {},
                                                   [&](std::string_view line) { lines.emplace_back(line); });
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(lines, ElementsAre("yes:"));
}

TEST(Process, WhoeverHoldsTheOutputOpenIsNotWaitedFor) {
  const double begin = now_seconds();
  const Result<ProcessResult> result =
      shell("setsid sleep 20 & setsid sh -c 'while sleep 0.01; do echo; done' & echo done");
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->tail, HasSubstr("done\n"));
  EXPECT_LT(now_seconds() - begin, 10);
}

TEST(Process, AMissingProgramIsNotFound) {
  const Result<ProcessResult> result = run_process({"/nowhere/program"}, {}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kNotFound);
}

/// Waits for a process that lost its parent to us, and returns the signal that ended it.
int signal_of_orphan(pid_t orphan) {
  int status = 0;
  while (::waitpid(orphan, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(Process, WhatItLeavesRunningIsEnded) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::string left;
  const Result<ProcessResult> result =
      shell("sleep 60 >/dev/null 2>&1 & echo $!", {}, [&](std::string_view line) { left = line; });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(signal_of_orphan(std::stoi(left)), SIGKILL);
}

TEST(Process, DiesWithWhoStartedIt) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t starter = ::fork();
  if (starter == 0) {
    (void)shell("echo $$; exec sleep 60", {}, [&](std::string_view line) {
      const int program = std::stoi(std::string(line));
      (void)!::write(ends[1], &program, sizeof(program));
    });
    ::_exit(0);
  }
  int program = 0;
  ASSERT_EQ(::read(ends[0], &program, sizeof(program)), static_cast<ssize_t>(sizeof(program)));
  ::kill(starter, SIGKILL);
  EXPECT_EQ(signal_of_orphan(starter), SIGKILL);
  EXPECT_EQ(signal_of_orphan(program), SIGKILL);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Process, CancelEndsTheWholeGroup) {
  CancelToken cancel;
  std::string grandchild;
  const auto start = std::chrono::steady_clock::now();
  const Result<ProcessResult> result = shell("sleep 60 & echo $!; wait", cancel, [&](std::string_view line) {
    grandchild = line;
    cancel.cancel();
  });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  const auto pid = parse_number<int>(grandchild);
  ASSERT_TRUE(pid.has_value()) << grandchild;
  // It is init's to reap; what counts is that it does not run.
  for (int i = 0; i < 100 && ::kill(*pid, 0) == 0; ++i) {
    const Result<std::string> stat = read_file("/proc/" + grandchild + "/stat");
    if (!stat || stat->find(") Z ") != std::string::npos) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_NE(::kill(*pid, 0), 0) << "expected the grandchild to be gone";
}

TEST(Process, PythonsEnvironmentDropsWhatRedirectsIt) {
  ::setenv("PYTHONPATH", "/somewhere", 1);
  ::setenv("PIP_TARGET", "/elsewhere", 1);
  const std::vector<std::string> environment = python_environment();
  ::unsetenv("PYTHONPATH");
  ::unsetenv("PIP_TARGET");
  for (const std::string& entry : environment) {
    EXPECT_FALSE(entry.starts_with("PYTHONPATH=")) << entry;
    EXPECT_FALSE(entry.starts_with("PIP_TARGET=")) << entry;
  }
  EXPECT_THAT(environment, ::testing::Contains(::testing::StartsWith("PATH=")));
}

}  // namespace
}  // namespace speedster::toolchain
