/// Nothing outlives its owner: the child's, the parent's and the watchdog's sudden death.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "job/sanitizer.h"
#include "supervised.h"

namespace speedster::job {
namespace {

using ::testing::HasSubstr;

using Watchdog_ = SupervisedTest;

TEST_F(Watchdog_, ARunawayGrandchildEndsWithItsChildAndNoOther) {
  Child other = spawn(command("serve"));
  const auto kept = call(other, {{"op", "runaway"}});
  ASSERT_TRUE(kept.ok());
  const Exit exit = run(command("runaway_then_exit"));
  EXPECT_EQ(exit.fate, Fate::kOk);
  const int runaway = std::atoi(exit.log_tail.c_str());
  ASSERT_GT(runaway, 0);
  EXPECT_TRUE(gone_within(runaway, 2));
  EXPECT_TRUE(lives((*kept)["pid"]));  // that one belongs to a child that lives
}

TEST_F(Watchdog_, TheWholeTreeOfAKilledParentIsGoneWithinTwoSeconds) {
  const std::string victim = std::string(SPEEDSTER_BUILD_DIR) + "/tests/job_victim";
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  const std::string folder = folder_->path().string();
  char* const words[] = {const_cast<char*>(victim.c_str()), const_cast<char*>(kChildProgram.c_str()),
                         const_cast<char*>(folder.c_str()), nullptr};
  pid_t parent = 0;
  ASSERT_EQ(::posix_spawn(&parent, victim.c_str(), &actions, nullptr, words, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);

  std::FILE* output = ::fdopen(ends[0], "r");
  std::vector<int> tree;
  bool ready = false;
  char line[64];
  while (!ready && std::fgets(line, sizeof line, output) != nullptr) {
    ready = std::string_view(line) == "ready\n";
    if (!ready) tree.push_back(std::atoi(line));
  }
  std::fclose(output);
  ASSERT_TRUE(ready);
  ASSERT_EQ(tree.size(), 8U);  // watchdog, five children, two grandchildren
  for (const int pid : tree) EXPECT_TRUE(lives(pid)) << pid;

  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  const Deadline deadline = Deadline::in(2);
  for (const int pid : tree) EXPECT_TRUE(gone_within(pid, deadline.left())) << pid;
}

TEST_F(Watchdog_, KillingTheWatchdogEndsTheChildrenAndTheNextSpawnStartsAnother) {
  Child child = spawn(command("serve"));
  Child hanging = spawn(command("hang"));
  const auto runaway = call(child, {{"op", "runaway"}});
  ASSERT_TRUE(runaway.ok());
  const int first = supervisor_->watchdog_pid(), pid = child.pid();
  ::kill(first, SIGKILL);
  const auto answer = call(child, {{"op", "hang"}}, 20);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().kind(), ErrorKind::kCrashed);
  EXPECT_EQ(hanging.wait(Deadline::in(20), CancelToken()).fate, Fate::kSignal);
  EXPECT_TRUE(gone_within(pid, 2));
  EXPECT_TRUE(gone_within((*runaway)["pid"], 4));
  EXPECT_FALSE(child.pause().ok());

  EXPECT_EQ(run(command("ok")).fate, Fate::kOk);
  EXPECT_NE(supervisor_->watchdog_pid(), first);
}

TEST_F(Watchdog_, SignalsMeantForTheParentDoNotReachIt) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(supervisor_->watchdog_pid(), signal);
  EXPECT_EQ(run(command("ok")).fate, Fate::kOk);
}

TEST_F(Watchdog_, ChildrenSurviveTheDeathOfTheThreadThatStartedThem) {
  std::optional<Child> child;
  std::thread starter([&] { child.emplace(spawn(command("serve"))); });
  starter.join();
  const auto answer = call(*child, {{"op", "echo"}});
  EXPECT_TRUE(answer.ok());
}

}  // namespace
}  // namespace speedster::job
