#include "job/processes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace speedster::job {
namespace {

TEST(Processes, StatLinesWithNamesThatLookLikeFields) {
  const Process plain = parse_stat("42 (cat) S 7 42 1 0");
  EXPECT_EQ(plain.pid, 42);
  EXPECT_EQ(plain.parent, 7);
  EXPECT_EQ(plain.group, 42);
  EXPECT_EQ(plain.state, 'S');
  const Process hostile = parse_stat("43 (a) R 1 (b)) T 8 9 1 0");
  EXPECT_EQ(hostile.parent, 8);
  EXPECT_EQ(hostile.group, 9);
  EXPECT_EQ(hostile.state, 'T');
}

TEST(Processes, MalformedStatLinesAreNobody) {
  for (const char* line : {"", "42", "42 (cat", "42 cat) S 1 2", "x (cat) S 1 2", "42 (cat)", "42 (cat) SS 1 2"})
    EXPECT_EQ(parse_stat(line).pid, 0) << line;
}

TEST(Processes, BranchIsTheChildOfTheRootAboveAProcess) {
  const std::vector<Process> tree = {
      {10, 1, 10, 'S'}, {11, 10, 11, 'S'}, {12, 11, 11, 'S'}, {13, 12, 13, 'S'}, {20, 1, 20, 'S'}};
  EXPECT_EQ(branch(tree, 10, tree[3]), 11);
  EXPECT_EQ(branch(tree, 10, tree[1]), 11);
  EXPECT_EQ(branch(tree, 10, tree[0]), 0);
  EXPECT_EQ(branch(tree, 10, tree[4]), 0);
}

TEST(Processes, ACircleInAStaleSnapshotEnds) {
  const std::vector<Process> circle = {{30, 31, 30, 'S'}, {31, 30, 30, 'S'}};
  EXPECT_EQ(branch(circle, 10, circle[0]), 0);
}

TEST(Processes, ThisProcessIsThere) {
  const std::vector<Process> all = read_processes();
  bool found = false;
  for (const Process& process : all)
    if (process.pid == ::getpid()) {
      found = true;
      EXPECT_EQ(process.parent, ::getppid());
      EXPECT_EQ(process.group, ::getpgrp());
    }
  EXPECT_TRUE(found);
}

TEST(Processes, AnonymousMemoryCountsAndMappedFilesDoNot) {
  constexpr std::size_t kBytes = std::size_t{64} << 20U;
  const std::uint64_t before = unreclaimable_bytes(::getpid());
  void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kBytes);
  EXPECT_GE(unreclaimable_bytes(::getpid()), before + kBytes * 9 / 10);
  ::munmap(memory, kBytes);
  EXPECT_EQ(unreclaimable_bytes(999'999'999), 0U);
}

TEST(Processes, TheStartEnvironmentIsReadByName) {
  EXPECT_FALSE(start_environment(::getpid(), "PATH").empty());
  EXPECT_EQ(start_environment(::getpid(), "PAT"), "");
  EXPECT_EQ(start_environment(::getpid(), "NO_SUCH_VARIABLE"), "");
}

}  // namespace
}  // namespace speedster::job
