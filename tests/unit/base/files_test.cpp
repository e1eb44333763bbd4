#include "base/files.h"

#include <gtest/gtest.h>

#include <fstream>

namespace speedster {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("files");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
  }
  const fs::path& root() const { return folder_->path(); }

 private:
  std::optional<TempDir> folder_;
};

TEST_F(Files, WriteReplacesAndReadGivesItBack) {
  const fs::path file = root() / "a";
  ASSERT_TRUE(write_file(file, "one").ok());
  ASSERT_TRUE(write_file(file, "two").ok());
  EXPECT_EQ(read_file(file).value(), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1) << "a temporary file was left behind";
}

TEST_F(Files, ReadRefusesWhatIsTooLarge) {
  ASSERT_TRUE(write_file(root() / "a", std::string(100, 'x')).ok());
  EXPECT_EQ(read_file(root() / "a", 99).error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(read_file(root() / "a", 100).value().size(), 100U);
}

TEST_F(Files, PathsMayNotLeaveTheFolder) {
  for (const char* bad : {"", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./a", "a//b/.."})
    EXPECT_FALSE(inside(root(), bad, "test").ok()) << bad;
  EXPECT_FALSE(inside(root(), std::string_view("a\0b", 3), "test").ok());
  fs::create_symlink("/etc", root() / "link");
  EXPECT_EQ(inside(root(), "link/passwd", "test").error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(inside(root(), "a/b", "test").value(), root() / "a" / "b");
}

TEST_F(Files, ReplaceDirectoryKeepsTheOldOneWhenTheNewIsMissing) {
  fs::create_directory(root() / "old");
  ASSERT_TRUE(write_file(root() / "old" / "file", "kept").ok());
  EXPECT_FALSE(replace_directory(root() / "missing", root() / "old").ok());
  EXPECT_EQ(read_file(root() / "old" / "file").value(), "kept");
}

TEST_F(Files, ReplaceDirectorySwaps) {
  fs::create_directory(root() / "old");
  fs::create_directory(root() / "new");
  ASSERT_TRUE(write_file(root() / "new" / "file", "fresh").ok());
  ASSERT_TRUE(replace_directory(root() / "new", root() / "old").ok());
  EXPECT_EQ(read_file(root() / "old" / "file").value(), "fresh");
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);
}

TEST_F(Files, MappedFileSeesTheBytes) {
  ASSERT_TRUE(write_file(root() / "a", "bytes").ok());
  auto map = MappedFile::open(root() / "a");
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size()), "bytes");
  ASSERT_TRUE(write_file(root() / "empty", "").ok());
  EXPECT_TRUE(MappedFile::open(root() / "empty").value().bytes().empty());
}

TEST_F(Files, TempDirGoesWithItsOwner) {
  fs::path path;
  {
    auto inner = TempDir::create("inner", root());
    ASSERT_TRUE(inner.ok());
    path = inner->path();
    ASSERT_TRUE(fs::is_directory(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(FilesErrno, KindsAndMessage) {
  EXPECT_EQ(errno_kind(ENOSPC), ErrorKind::kNoSpace);
  EXPECT_EQ(errno_kind(EACCES), ErrorKind::kPermission);
  EXPECT_EQ(errno_error(ENOENT, "samples", "a file", "x.npz").message(),
            "[samples] expected a file, got x.npz: No such file or directory");
}

}  // namespace
}  // namespace speedster
