/// What an exit is called, and which error it becomes.
#include <gtest/gtest.h>

#include <csignal>

#include "job/exec.h"
#include "job/wire.h"

namespace speedster::job {
namespace {

Exit exit_with(const Json& event, std::uint64_t limit = 0, const std::string& log = {}) {
  return exit_of(event, limit, log);
}

TEST(Exit, EachEndHasItsFate) {
  EXPECT_EQ(exit_with({{"code", 0}}).fate, Fate::kOk);
  EXPECT_EQ(exit_with({{"code", 3}}).fate, Fate::kExit);
  EXPECT_EQ(exit_with({{"signal", SIGSEGV}}).fate, Fate::kSignal);
  EXPECT_EQ(exit_with({{"signal", SIGKILL}, {"reason", "timeout"}}).fate, Fate::kTimeout);
  EXPECT_EQ(exit_with({{"signal", SIGKILL}, {"reason", "memory"}}).fate, Fate::kOutOfMemory);
  EXPECT_EQ(exit_with({{"signal", SIGKILL}, {"reason", "cancel"}}).fate, Fate::kCancelled);
  EXPECT_EQ(exit_with({{"signal", SIGKILL}, {"reason", "kill"}}).fate, Fate::kCancelled);
  EXPECT_EQ(exit_with({{"code", kOutOfMemoryExit}}).fate, Fate::kOutOfMemory);
}

TEST(Exit, AnEndOfItsOwnIsNotBlamedOnUs) {
  // It crashed while our kill was under way: the crash is what happened.
  EXPECT_EQ(exit_with({{"signal", SIGSEGV}, {"reason", "timeout"}}).fate, Fate::kSignal);
  EXPECT_EQ(exit_with({{"code", 0}, {"reason", "kill"}}).fate, Fate::kOk);
}

TEST(Exit, AKillThatIsNotOursIsTheKernelsWhereItSaysSo) {
  EXPECT_EQ(exit_with({{"signal", SIGKILL}, {"oom", true}}).fate, Fate::kOutOfMemory);
  EXPECT_EQ(exit_with({{"signal", SIGKILL}, {"oom", false}}).fate, Fate::kSignal);
}

TEST(Exit, ARefusalOfMemoryIsReadFromTheLogOnlyUnderALimit) {
  const std::string log = "terminate called after throwing an instance of 'std::bad_alloc'\n";
  EXPECT_EQ(exit_with({{"signal", SIGABRT}}, 1000, log).fate, Fate::kOutOfMemory);
  EXPECT_EQ(exit_with({{"code", 1}}, 1000, "MemoryError\n").fate, Fate::kOutOfMemory);
  EXPECT_EQ(exit_with({{"signal", SIGABRT}}, 0, log).fate, Fate::kSignal);
  EXPECT_EQ(exit_with({{"code", 0}}, 1000, "MemoryError handled\n").fate, Fate::kOk);
  EXPECT_EQ(exit_with({{"signal", SIGABRT}}, 1000, "assertion failed\n").fate, Fate::kSignal);
}

TEST(Exit, WordsForPeople) {
  EXPECT_EQ(describe(exit_with({{"signal", SIGSEGV}})), "crashed: SIGSEGV");
  EXPECT_EQ(describe(exit_with({{"code", 3}})), "exited with code 3");
  EXPECT_EQ(describe(exit_with({{"signal", SIGKILL}, {"reason", "timeout"}, {"wall", 30.2}})), "timed out after 30 s");
  EXPECT_EQ(describe(exit_with({{"signal", SIGKILL}, {"reason", "memory"}, {"peak", 2'100'000'000}}, 2'000'000'000)),
            "ran out of memory (2.1 GB; limit 2.0 GB)");
  EXPECT_EQ(describe(exit_with({{"signal", SIGKILL}, {"reason", "output"}})), "wrote too much (SIGXFSZ)");
}

TEST(Exit, ErrorsCarryKindStageAndLastWords) {
  const Error error = to_error(exit_with({{"signal", SIGABRT}}, 0, "one\nassertion failed: x\n\n"), "compile/openvino");
  EXPECT_EQ(error.kind(), ErrorKind::kCrashed);
  EXPECT_EQ(
      error.message(),
      "[compile/openvino] expected an answer, got a child that crashed: SIGABRT; its last words: assertion failed: x");
  EXPECT_EQ(to_error(exit_with({{"code", 2}}), "x").kind(), ErrorKind::kVendor);
  EXPECT_EQ(to_error(exit_with({{"signal", SIGKILL}, {"reason", "timeout"}}), "x").kind(), ErrorKind::kTimeout);
  EXPECT_EQ(to_error(exit_with({{"code", kOutOfMemoryExit}}), "x").kind(), ErrorKind::kOutOfMemory);
  EXPECT_EQ(to_error(exit_with({{"signal", SIGKILL}, {"reason", "kill"}}), "x").kind(), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace speedster::job
