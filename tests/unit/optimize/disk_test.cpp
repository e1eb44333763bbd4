#include "optimize/disk.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace speedster::saving {
namespace {

TEST(Disk, ItsSpeedIsMeasuredAndNothingStays) {
  const auto folder = TempDir::create("disk");
  ASSERT_TRUE(folder.ok());
  EXPECT_GT(bytes_written_per_second(folder->path(), (3U << 20U) + 5), 1e5);
  EXPECT_TRUE(fs::is_empty(folder->path()));
}

TEST(Disk, WhereItCannotBeToldThatIsSaid) {
  EXPECT_EQ(bytes_written_per_second("/nowhere/at/all", 1U << 20U), 0);
  EXPECT_EQ(bytes_written_per_second("/proc", 1U << 20U), 0);
  EXPECT_EQ(bytes_written_per_second(fs::temp_directory_path(), 0), 0);
}

}  // namespace
}  // namespace speedster::saving
