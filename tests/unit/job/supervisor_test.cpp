/// Real children, and how each way to end is told.
#include "job/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "job/sanitizer.h"
#include "supervised.h"

namespace speedster::job {
namespace {

using ::testing::HasSubstr;

using Supervisor_ = SupervisedTest;

TEST_F(Supervisor_, AGoodEnd) {
  const Exit exit = run(command("ok"));
  EXPECT_EQ(exit.fate, Fate::kOk) << describe(exit);
  EXPECT_GT(exit.peak_rss_bytes, 100'000U);
  EXPECT_GT(exit.wall_seconds, 0);
  EXPECT_LT(exit.wall_seconds, 20);
}

TEST_F(Supervisor_, AnExitCode) {
  const Exit exit = run(command("exit", "7"));
  EXPECT_EQ(exit.fate, Fate::kExit);
  EXPECT_EQ(exit.code, 7);
}

TEST_F(Supervisor_, WhatItPrintsIsInTheLog) {
  const Exit exit = run(command("say", "a vendor's banner"));
  EXPECT_THAT(exit.log_tail, HasSubstr("a vendor's banner"));
  const Exit lost = run(command("no-such-mode"));
  EXPECT_EQ(lost.code, 64);
  EXPECT_THAT(lost.log_tail, HasSubstr("unknown mode"));  // stderr too
}

TEST_F(Supervisor_, TheLogMayLieElsewhere) {
  Command say = command("say", "elsewhere");
  say.log = folder_->path() / "said.txt";
  EXPECT_EQ(run(say).fate, Fate::kOk);
  EXPECT_THAT(*read_file(say.log), HasSubstr("elsewhere"));
  EXPECT_FALSE(fs::exists(say.directory / "log.txt"));
  say.directory.clear();
  EXPECT_EQ(supervisor_->spawn(say).error().kind(), ErrorKind::kUsage);
}

TEST_F(Supervisor_, FoldersGoWithIt) {
  const fs::path first = folder_->path() / "first", second = folder_->path() / "second";
  for (const fs::path& folder : {first, second}) {
    ASSERT_TRUE(make_directories(folder).ok());
    ASSERT_TRUE(write_file(folder / "file", "x").ok());
    ASSERT_TRUE(supervisor_->remove_at_end(folder).ok());
  }
  ASSERT_TRUE(supervisor_->remove_at_end(folder_->path() / "not there").ok());
  const int watchdog = supervisor_->watchdog_pid();
  supervisor_.reset();
  ASSERT_TRUE(gone_within(watchdog, 20));
  EXPECT_FALSE(fs::exists(first));
  EXPECT_FALSE(fs::exists(second));
  EXPECT_TRUE(fs::exists(folder_->path()));
}

TEST_F(Supervisor_, ACrash) {
  Command crash = command("crash");
  for (const char* options : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) crash.environment[options] = "handle_segv=0";
  const Exit exit = run(crash);
  EXPECT_EQ(exit.fate, Fate::kSignal) << describe(exit);
  EXPECT_EQ(exit.code, SIGSEGV);
}

TEST_F(Supervisor_, AnAbort) {
  const Exit exit = run(command("abort"));
  EXPECT_EQ(exit.fate, Fate::kSignal);
  EXPECT_EQ(exit.code, SIGABRT);
}

TEST_F(Supervisor_, AHangEndsAtTheCallersDeadline) {
  const double begin = now_seconds();
  const Exit exit = run(command("hang"), 0.3);
  EXPECT_EQ(exit.fate, Fate::kTimeout);
  EXPECT_LT(now_seconds() - begin, 5);
}

TEST_F(Supervisor_, AHangEndsAtItsOwnWallLimit) {
  Command hang = command("hang");
  hang.limits.wall_seconds = 0.3;
  const Exit exit = run(hang);
  EXPECT_EQ(exit.fate, Fate::kTimeout);
  EXPECT_GE(exit.wall_seconds, 0.3);
  EXPECT_LT(exit.wall_seconds, 5);
}

TEST_F(Supervisor_, OneThatIgnoresSignalsAndOneThatStoppedItselfEndToo) {
  EXPECT_EQ(run(command("stubborn"), 0.3).fate, Fate::kTimeout);
  EXPECT_EQ(run(command("stopped"), 0.3).fate, Fate::kTimeout);
}

TEST_F(Supervisor_, MemoryIsRefusedAndTheAbortIsUnderstood) {
  Command eater = command("memory");
  eater.limits.memory_bytes = std::uint64_t{256} << 20U;
  const Exit exit = run(eater, 120);
  EXPECT_EQ(exit.fate, Fate::kOutOfMemory) << describe(exit) << exit.log_tail;
  EXPECT_LT(exit.peak_rss_bytes, std::uint64_t{3} << 30U);
  EXPECT_EQ(exit.memory_limit_bytes, eater.limits.memory_bytes);
}

TEST_F(Supervisor_, MemoryIsRefusedAndTheChildSaysSoItself) {
  Command eater = command("polite_memory");
  eater.limits.memory_bytes = std::uint64_t{256} << 20U;
  EXPECT_EQ(run(eater, 120).fate, Fate::kOutOfMemory);
}

TEST_F(Supervisor_, SharedMemoryIsSeenByTheWatch) {
  Command eater = command("shared_memory");
  eater.limits.memory_bytes = std::uint64_t{200} << 20U;
  const Exit exit = run(eater, 120);
  EXPECT_EQ(exit.fate, Fate::kOutOfMemory) << describe(exit);
  EXPECT_GT(exit.peak_rss_bytes, eater.limits.memory_bytes);
}

TEST_F(Supervisor_, AKillFromOutsideIsNotCalledOutOfMemory) {
  Child child = spawn(command("hang"));
  ::kill(child.pid(), SIGKILL);
  const Exit exit = child.wait(Deadline::in(20), CancelToken());
  EXPECT_EQ(exit.fate, Fate::kSignal);
  EXPECT_EQ(describe(exit), "was killed: SIGKILL");
}

TEST_F(Supervisor_, CancelFromAnotherThread) {
  Child child = spawn(command("hang"));
  const CancelToken cancel;
  std::thread other([cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.cancel();
  });
  const Exit exit = child.wait(Deadline::in(30), cancel);
  other.join();
  EXPECT_EQ(exit.fate, Fate::kCancelled);
  EXPECT_FALSE(child.running());
}

TEST_F(Supervisor_, AFloodOfOutputIsEndedBeforeTheDiskIsFull) {
  const Command flood = command("flood");
  const Exit exit = run(flood, 120);
  EXPECT_EQ(exit.fate, Fate::kSignal) << describe(exit);
  EXPECT_EQ(exit.code, SIGXFSZ);
  EXPECT_LE(exit.log_tail.size(), 4096U);
  fs::remove(flood.directory / "log.txt");
}

TEST_F(Supervisor_, ProgramsThatAreNotThere) {
  Command missing = command("ok");
  missing.argv = {"/no/such/program"};
  const Exit exit = run(missing);
  EXPECT_EQ(exit.fate, Fate::kExit);
  EXPECT_EQ(exit.code, 127);
  EXPECT_THAT(exit.log_tail, HasSubstr("/no/such/program"));
  missing.argv = {"relative"};
  EXPECT_EQ(supervisor_->spawn(missing).error().kind(), ErrorKind::kUsage);
  missing.argv = {};
  EXPECT_EQ(supervisor_->spawn(missing).error().kind(), ErrorKind::kUsage);
  Command nowhere = command("ok");
  nowhere.directory = folder_->path() / "missing";
  EXPECT_EQ(supervisor_->spawn(nowhere).error().kind(), ErrorKind::kNotFound);
  Command long_one = command("say", std::string(200'000, 'x'));
  EXPECT_EQ(supervisor_->spawn(long_one).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(run(command("ok")).fate, Fate::kOk);  // and none of it hurt the watchdog
}

TEST_F(Supervisor_, AWorkerThatIsNone) {
  EXPECT_EQ(Supervisor::start("/no/such/worker", Log()).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(Supervisor::start("/bin/true", Log()).error().kind(), ErrorKind::kCrashed);
}

TEST_F(Supervisor_, ChildrenRunSideBySide) {
  constexpr int kThreads = 4, kEach = 5;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  std::vector<Command> commands;
  for (int i = 0; i < kThreads * kEach; ++i) commands.push_back(command("exit", std::to_string(i + 1)));
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = t * kEach; i < (t + 1) * kEach; ++i)
        if (run(commands[static_cast<std::size_t>(i)]).code == i + 1) ++good;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kEach);
}

TEST_F(Supervisor_, TwoHundredChildrenLeaveNothingBehind) {
  run(command("ok"));
  const std::size_t before = open_descriptors();
  const Command again = command("ok");
  for (int i = 0; i < 200; ++i) ASSERT_EQ(run(again).fate, Fate::kOk);
  // What another test's thread still held may be closed meanwhile: fewer are no leak, and one that goes is none.
  const Deadline soon = Deadline::in(2);
  while (open_descriptors() > before && !soon.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_LE(open_descriptors(), before);
  for (const Process& process : read_processes())
    EXPECT_NE(process.parent, supervisor_->watchdog_pid()) << process.pid << " " << process.state;
}

TEST_F(Supervisor_, TheEndOfASupervisorClosesAllItOpened) {
  const std::size_t before = open_descriptors();
  {
    auto other = Supervisor::start(kChildProgram, Log());
    ASSERT_TRUE(other.ok());
    const int watchdog = (*other)->watchdog_pid();
    auto child = (*other)->spawn(command("hang"));
    ASSERT_TRUE(child.ok());
    const int pid = child->pid();
    other->reset();
    EXPECT_FALSE(lives(watchdog));
    EXPECT_FALSE(lives(pid));
    EXPECT_FALSE(child->running());
    EXPECT_EQ(child->wait(Deadline::in(5), CancelToken()).fate, Fate::kCancelled);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Supervisor_, WhatAChildStartsWith) {
  ::setenv("SPEEDSTER_TEST_KEPT", "yes", 1);
  ::setenv("TEST_DROPPED", "yes", 1);
  const int leaked = ::open("/dev/null", O_RDONLY);  // not close-on-exec, as careless applications open files
  UniqueFd extra(::memfd_create("extra", MFD_CLOEXEC));
  ASSERT_EQ(::write(extra.get(), "shared", 6), 6);
  Command serve = command("serve");
  serve.limits = {
      .wall_seconds = 60, .memory_bytes = std::uint64_t{1} << 30U, .threads = 1, .confine = true, .nice = 5};
  serve.environment = {{"ADDED", "value"}};
  serve.descriptors = {extra.get()};
  Child child = spawn(serve);
  const auto self = call(child, {{"op", "self"}});
  ASSERT_TRUE(self.ok()) << self.error().message();
  if (!kSanitized) {
    EXPECT_EQ((*self)["data"], std::uint64_t{1} << 30U);
  }
  EXPECT_EQ((*self)["core"], 0);
  EXPECT_EQ((*self)["death_signal"], SIGKILL);
  EXPECT_EQ((*self)["nice"], 5);
  EXPECT_EQ((*self)["group"], true);
  EXPECT_EQ((*self)["sigterm_blocked"], 0);
  EXPECT_EQ((*self)["directory"], fs::canonical(serve.directory).string());
  EXPECT_EQ((*self)["descriptors"], Json({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ((*self)["processors"], 1);  // what affinity leaves
  const Json& variables = (*self)["environment"];
  EXPECT_EQ(variables["LANG"], "C.UTF-8");
  EXPECT_EQ(variables["OMP_NUM_THREADS"], "1");
  EXPECT_EQ(variables["ADDED"], "value");
  EXPECT_EQ(variables["SPEEDSTER_TEST_KEPT"], "yes");
  EXPECT_TRUE(variables.contains("PATH"));
  EXPECT_FALSE(variables.contains("TEST_DROPPED"));
  const auto shared = call(child, {{"op", "read_extra"}});
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ((*shared)["text"], "shared");
  ::close(leaked);
}

TEST(FindWorker, TheSettingDecides) {
  ::setenv("SPEEDSTER_WORKER", kChildProgram.c_str(), 1);
  const auto found = find_worker();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->string(), kChildProgram);
  ::setenv("SPEEDSTER_WORKER", "/no/such/worker", 1);
  EXPECT_EQ(find_worker().error().kind(), ErrorKind::kNotFound);
  ::unsetenv("SPEEDSTER_WORKER");
}

}  // namespace
}  // namespace speedster::job
