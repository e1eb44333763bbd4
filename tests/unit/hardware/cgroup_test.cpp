#include "hardware/cgroup.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace speedster::hardware {
namespace {

class Cgroup : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = TempDir::create("cgroup");
    ASSERT_TRUE(created.ok());
    dir_.emplace(*std::move(created));
  }
  void put(const std::string& path, std::string_view text) {
    const fs::path file = dir_->path() / path;
    ASSERT_TRUE(make_directories(file.parent_path()).ok());
    ASSERT_TRUE(write_file(file, text).ok());
  }
  CgroupLimits read() const { return read_cgroup_limits(dir_->path()); }

 private:
  std::optional<TempDir> dir_;
};

TEST_F(Cgroup, NothingMountedLimitsNothing) {
  const CgroupLimits limits = read();
  EXPECT_FALSE(limits.cores || limits.memory_bytes || limits.memory_available);
}

TEST_F(Cgroup, Version2TakesTheTightestUpTheHierarchy) {
  put("proc/self/cgroup", "0::/outer/inner\n");
  put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  put("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  put("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/outer/memory.max", "max\n");
  put("sys/fs/cgroup/outer/inner/memory.max", "1000000\n");
  put("sys/fs/cgroup/outer/inner/memory.current", "600000\n");
  put("sys/fs/cgroup/outer/inner/memory.stat", "anon 400000\nfile 200000\ninactive_file 150000\n");
  const CgroupLimits limits = read();
  EXPECT_DOUBLE_EQ(limits.cores.value_or(0), 1.5);
  EXPECT_EQ(limits.memory_bytes.value_or(0), 1000000U);
  // What the page cache can give back is available.
  EXPECT_EQ(limits.memory_available.value_or(0), 550000U);
}

TEST_F(Cgroup, Version1ReadsEachControllerWhereItIsMounted) {
  put("proc/self/cgroup", "9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n");
  put("proc/self/mountinfo",
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "400000\n");
  put("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2000\n");
  put("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "5000\n");
  const CgroupLimits limits = read();
  EXPECT_DOUBLE_EQ(limits.cores.value_or(0), 4);
  EXPECT_EQ(limits.memory_bytes.value_or(0), 2000U);
  EXPECT_EQ(limits.memory_available.value_or(1), 0U);
}

TEST_F(Cgroup, ContainerThatMountsOnlyItsOwnGroup) {
  put("proc/self/cgroup", "2:cpu:/docker/abc/child\n");
  put("proc/self/mountinfo", "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(read().cores.value_or(0), 2);
}

TEST_F(Cgroup, RubbishLimitsNothing) {
  put("proc/self/cgroup", "::\n0::/../../etc\nno colon\n1:cpu\n");
  put("proc/self/mountinfo", " - \n1 2 3 - cgroup2\n30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/cpu.max", "0 0\n");
  put("sys/fs/cgroup/memory.max", "-5\n");
  const CgroupLimits limits = read();
  EXPECT_FALSE(limits.cores || limits.memory_bytes || limits.memory_available);
}

}  // namespace
}  // namespace speedster::hardware
