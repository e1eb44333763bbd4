/// Calls, pauses, and children that answer badly.
#include <gmock/gmock.h>

#include <csignal>
#include <thread>

#include "supervised.h"

namespace speedster::job {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Child_ = SupervisedTest;

char state_of(int pid) {
  for (const Process& process : read_processes())
    if (process.pid == pid) return process.state;
  return '-';
}

TEST_F(Child_, RequestAndReply) {
  Child child = spawn(command("serve"));
  for (int i = 0; i < 50; ++i) {
    const auto answer = call(child, {{"op", "echo"}, {"number", i}});
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ((*answer)["echo"]["number"], i);
  }
  EXPECT_TRUE(child.running());
}

TEST_F(Child_, MessagesFarBeyondAPipesSize) {
  Child child = spawn(command("serve"));
  const std::string text(std::size_t{3} << 20U, 'x');
  const auto answer = call(child, {{"op", "echo"}, {"text", text}}, 120);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ((*answer)["echo"]["text"], text);
}

TEST_F(Child_, ProgressGoesToTheCallback) {
  Child child = spawn(command("serve"));
  std::vector<std::string> said;
  const auto answer = child.call({{"op", "progress"}}, Deadline::in(30), CancelToken(),
                                 [&](const Json& line) { said.push_back(line.value("message", "")); });
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(said, ElementsAre("step 0", "step 1", "step 2"));
}

TEST_F(Child_, AFailureThatItReportsKeepsKindAndVendorCode) {
  Child child = spawn(command("serve"));
  const auto answer = call(child, {{"op", "fail"}});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(answer.error().message(), "[vendor] expected less, got more");
  EXPECT_EQ(answer.error().vendor_code(), 77);
  EXPECT_TRUE(child.running());  // a failed request is no failed child
  EXPECT_TRUE(call(child, {{"op", "echo"}}).ok());
}

TEST_F(Child_, RubbishIsAnErrorThatShowsIt) {
  for (const char* op : {"rubbish", "array"}) {
    Child child = spawn(command("serve"));
    const auto answer = call(child, {{"op", op}});
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().kind(), ErrorKind::kVendor);
    EXPECT_THAT(answer.error().message(), HasSubstr("expected a JSON object on descriptor 4"));
    EXPECT_FALSE(child.running());
  }
}

TEST_F(Child_, AnEndlessLineIsRefused) {
  Child child = spawn(command("serve"));
  const auto answer = call(child, {{"op", "endless"}}, 120);
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message(), HasSubstr("endless line"));
  EXPECT_FALSE(child.running());
}

TEST_F(Child_, OneThatClosesItsDescriptorsIsEnded) {
  Child child = spawn(command("serve"));
  const double begin = now_seconds();
  const auto answer = call(child, {{"op", "close"}});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().kind(), ErrorKind::kVendor);
  EXPECT_THAT(answer.error().message(), HasSubstr("closed it"));
  EXPECT_LT(now_seconds() - begin, 10);
  EXPECT_FALSE(child.running());
}

TEST_F(Child_, AnEndInPlaceOfAnAnswer) {
  Child silent = spawn(command("serve"));
  const auto quit = call(silent, {{"op", "quit_silently"}});
  ASSERT_FALSE(quit.ok());
  EXPECT_THAT(quit.error().message(), HasSubstr("exited with code 5"));
  EXPECT_EQ(silent.wait(Deadline::in(5), CancelToken()).code, 5);

  Child crashed = spawn(command("serve"));
  const auto crash = call(crashed, {{"op", "crash"}});
  ASSERT_FALSE(crash.ok());
  EXPECT_FALSE(crashed.running());
  const auto later = call(crashed, {{"op", "echo"}});  // asking the dead is an error, not a wait
  ASSERT_FALSE(later.ok());
}

TEST_F(Child_, AnAnswerBeforeTheEndCounts) {
  Child child = spawn(command("serve"));
  EXPECT_TRUE(call(child, {{"op", "reply_and_quit"}}).ok());
  EXPECT_EQ(child.wait(Deadline::in(10), CancelToken()).fate, Fate::kOk);
}

TEST_F(Child_, ACallEndsAtItsDeadlineAndAtCancel) {
  Child late = spawn(command("serve"));
  const auto timeout = call(late, {{"op", "hang"}}, 0.2);
  ASSERT_FALSE(timeout.ok());
  EXPECT_EQ(timeout.error().kind(), ErrorKind::kTimeout);
  EXPECT_FALSE(late.running());

  Child child = spawn(command("serve"));
  const CancelToken cancel;
  std::thread other([cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.cancel();
  });
  const auto cancelled = child.call({{"op", "hang"}}, Deadline::in(30), cancel);
  other.join();
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().kind(), ErrorKind::kCancelled);
  EXPECT_FALSE(child.running());
}

TEST_F(Child_, AChattyChildIsReadWhileWaitedFor) {
  Child child = spawn(command("chatter"));
  int lines = 0;
  const Exit exit = child.wait(Deadline::in(60), CancelToken(), [&](const Json&) { ++lines; });
  EXPECT_EQ(exit.fate, Fate::kOk);
  EXPECT_EQ(lines, 20000);
}

TEST_F(Child_, PauseStopsAllOfItAndResumeGoesOn) {
  Child child = spawn(command("serve"));
  const auto member = call(child, {{"op", "member"}});
  const auto runaway = call(child, {{"op", "runaway"}});
  ASSERT_TRUE(member.ok() && runaway.ok());
  const int spinning = (*member)["pid"], daemon = (*runaway)["pid"];
  for (int i = 0; i < 5; ++i) {
    const auto paused = child.pause();
    ASSERT_TRUE(paused.ok()) << paused.error().message();
    EXPECT_EQ(state_of(child.pid()), 'T');
    EXPECT_EQ(state_of(spinning), 'T');
    EXPECT_EQ(state_of(daemon), 'T');
    ASSERT_TRUE(child.resume().ok());
    ASSERT_TRUE(call(child, {{"op", "echo"}}).ok());
    EXPECT_NE(state_of(spinning), 'T');
  }
  ASSERT_TRUE(child.pause().ok());
  child.kill();
  EXPECT_FALSE(child.running());
  EXPECT_TRUE(gone_within(spinning, 2));
  EXPECT_TRUE(gone_within(daemon, 2));
}

TEST_F(Child_, TimeSpentPausedDoesNotCount) {
  Command serve = command("serve");
  serve.limits.wall_seconds = 1.5;
  Child child = spawn(serve);
  ASSERT_TRUE(call(child, {{"op", "echo"}}).ok());
  ASSERT_TRUE(child.pause().ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  ASSERT_TRUE(child.resume().ok());
  EXPECT_TRUE(call(child, {{"op", "echo"}}).ok());
}

TEST_F(Child_, PausingTheDeadSaysHowItDied) {
  Child child = spawn(command("exit", "9"));
  EXPECT_EQ(child.wait(Deadline::in(20), CancelToken()).code, 9);
  const auto paused = child.pause();
  ASSERT_FALSE(paused.ok());
  EXPECT_THAT(paused.error().message(), HasSubstr("exited with code 9"));
  EXPECT_FALSE(child.resume().ok());
}

TEST_F(Child_, OneThatStopsItselfTimesOut) {
  Child child = spawn(command("serve"));
  const auto answer = call(child, {{"op", "stop"}}, 0.3);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().kind(), ErrorKind::kTimeout);
}

TEST_F(Child_, CpuTimeIsItsOwn) {
  Child child = spawn(command("serve"));
  ASSERT_TRUE(call(child, {{"op", "echo"}}).ok());
  const double before = child.cpu_seconds();
  ASSERT_TRUE(call(child, {{"op", "spin"}, {"seconds", 0.2}}).ok());
  EXPECT_GT(child.cpu_seconds(), before + 0.02);
  EXPECT_LT(child.cpu_seconds(), before + 0.3);
}

TEST_F(Child_, TheMemoryWatchCanBeTurnedOff) {
  Command eater = command("shared_memory");
  eater.limits.memory_bytes = std::uint64_t{100} << 20U;
  Child child = spawn(eater);
  child.watch_memory(false);
  EXPECT_EQ(child.wait(Deadline::in(1), CancelToken()).fate, Fate::kTimeout);
}

TEST_F(Child_, DestroyingAChildEndsIt) {
  int pid = 0, runaway = 0;
  {
    Child child = spawn(command("serve"));
    pid = child.pid();
    const auto answer = call(child, {{"op", "runaway"}});
    ASSERT_TRUE(answer.ok());
    runaway = (*answer)["pid"];
    EXPECT_TRUE(lives(pid) && lives(runaway));
  }
  EXPECT_FALSE(lives(pid));
  EXPECT_TRUE(gone_within(runaway, 2));
}

}  // namespace
}  // namespace speedster::job
