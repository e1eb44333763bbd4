#include "hardware/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>
#include <vector>

namespace speedster::hardware {
namespace {

TEST(Probe, ThisMachineMakesSense) {
  const Machine m = probe();
  EXPECT_TRUE(m.system.starts_with("linux-"));
  EXPECT_GE(m.cores, 1);
  EXPECT_GE(m.usable_cores, 1);
  EXPECT_LE(m.usable_cores, m.cores);
  EXPECT_GT(m.memory_bytes, 64U << 20U);
  EXPECT_GT(available_memory(), 0U);
  EXPECT_LE(available_memory(), m.memory_bytes);
}

TEST(Memory, ThePeakIsWhatThisProcessHeld) {
  const std::uint64_t before = peak_memory();
  EXPECT_GT(before, 1U << 20U);
  std::vector<char> large(128U << 20U, 1);
  EXPECT_GT(peak_memory(), std::uint64_t{large.size()});
}

TEST(Probe, AffinityBoundsTheCores) {
  // Affinity belongs to the thread: the test's own stays as it was.
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(probe().usable_cores, 1);
  }).join();
}

TEST(Probe, HiddenInstructionSetsAreGone) {
  const Machine all = probe();
  if (all.isa.empty()) FAIL() << "expected this processor to have one of the known instruction sets";
  const Machine less = probe({*all.isa.begin()});
  EXPECT_EQ(less.isa.size() + 1, all.isa.size());
  EXPECT_FALSE(less.isa.contains(*all.isa.begin()));
  EXPECT_NE(fingerprint(less), fingerprint(all));
}

TEST(Fingerprint, ChangesWithWhatMattersOnly) {
  Machine m;
  m.system = "linux-x86_64";
  m.isa = {"avx2"};
  m.memory_bytes = (std::uint64_t{8} << 30U) - 4096;
  const std::string before = fingerprint(m);
  EXPECT_EQ(before.size(), 64U);
  Machine other = m;
  other.memory_bytes -= 1 << 20U;
  other.codename = "a name added to the table later";
  EXPECT_EQ(fingerprint(other), before);
  other.usable_cores = 1;
  EXPECT_NE(fingerprint(other), before);
  other = m;
  other.isa.insert("avx512f");
  EXPECT_NE(fingerprint(other), before);
  other = m;
  other.memory_bytes *= 2;
  EXPECT_NE(fingerprint(other), before);
}

TEST(ToJson, HasEveryField) {
  Machine m = probe();
  const Json json = to_json(m);
  EXPECT_EQ(json.at("system"), m.system);
  EXPECT_EQ(json.at("usable_cores"), m.usable_cores);
  EXPECT_EQ(json.at("memory_bytes"), m.memory_bytes);
  EXPECT_EQ(json.at("isa").size(), m.isa.size());
  for (const char* key : {"model", "vendor", "family", "model_number", "stepping", "codename", "cores"})
    EXPECT_TRUE(json.contains(key)) << key;
}

TEST(CpuAccount, ReadsTheFirstLine) {
  const CpuAccount a = parse_cpu_account("cpu  100 20 30 5000 70 8 2 40 50 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n", 12.5, 100);
  EXPECT_DOUBLE_EQ(a.at, 12.5);
  EXPECT_DOUBLE_EQ(a.busy, 1.6);
  EXPECT_DOUBLE_EQ(a.steal, 0.4);
  const CpuAccount none = parse_cpu_account("", 1, 100);
  EXPECT_DOUBLE_EQ(none.busy + none.steal, 0);
}

TEST(CpuAccount, ForeignShareIsWhatWeDidNotUse) {
  const CpuAccount begin{0, 10, 1}, end{10, 22, 2};
  // 20 core seconds; others took 12 + 1 - 9.
  EXPECT_DOUBLE_EQ(foreign_share(begin, end, 9, 2), 0.2);
  EXPECT_DOUBLE_EQ(foreign_share(begin, end, 14, 2), 0);
  EXPECT_DOUBLE_EQ(foreign_share(begin, begin, 0, 2), 0);
  EXPECT_DOUBLE_EQ(foreign_share(begin, end, -100, 2), 1);
}

TEST(CpuAccount, TheMachineHasWorked) {
  const CpuAccount now = read_cpu_account();
  EXPECT_GT(now.busy, 0);
  EXPECT_GT(now.at, 0);
}

}  // namespace
}  // namespace speedster::hardware
