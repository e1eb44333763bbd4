#include "base/folder_output.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>

namespace speedster {
namespace {

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("folder-output-");
    ASSERT_TRUE(made.ok());
    root_.emplace(std::move(*made));
  }
  fs::path root() const { return root_->path(); }
  Result<FolderOutput> create(const fs::path& target) const {
    return FolderOutput::create(
        target, {"test", "a shelf", [](const fs::path& folder) { return fs::exists(folder / "shelf"); }});
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(root()), fs::directory_iterator()));
  }

 private:
  std::optional<TempDir> root_;
};

TEST_F(Folder, AppearsWhole) {
  auto folder = create(root() / "new" / "a/");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(folder->target(), root() / "new" / "a");
  ASSERT_TRUE(write_file(folder->path() / "shelf", "x").ok());
  EXPECT_FALSE(fs::exists(root() / "new" / "a"));
  ASSERT_TRUE(folder->commit().ok());
  EXPECT_EQ(*read_file(root() / "new" / "a" / "shelf"), "x");
  struct stat made{}, plain{};
  ASSERT_EQ(::stat((root() / "new" / "a").c_str(), &made), 0);
  ASSERT_EQ(::stat((root() / "new").c_str(), &plain), 0);
  EXPECT_EQ(made.st_mode, plain.st_mode) << "the mode of any new folder";
}

TEST_F(Folder, OneThatEndsBeforeLeavesNothing) {
  {
    auto folder = create(root() / "a");
    ASSERT_TRUE(folder.ok());
    ASSERT_TRUE(write_file(folder->path() / "shelf", "x").ok());
    EXPECT_EQ(entries(), 1U);
  }
  EXPECT_EQ(entries(), 0U);
}

TEST_F(Folder, ReplacesItsOwnKindAndKeepsEverythingElse) {
  for (const char* content : {"old", "new"}) {
    auto folder = create(root() / "a");
    ASSERT_TRUE(folder.ok());
    ASSERT_TRUE(write_file(folder->path() / "shelf", content).ok());
    ASSERT_TRUE(folder->commit().ok());
  }
  EXPECT_EQ(*read_file(root() / "a" / "shelf"), "new");
  ASSERT_TRUE(write_file(root() / "file", "mine").ok());
  fs::create_directory(root() / "folder");
  ASSERT_TRUE(write_file(root() / "folder" / "mine", "mine").ok());
  fs::create_directory_symlink(root() / "a", root() / "link");
  for (const char* name : {"file", "folder", "link"}) {
    const auto refused = create(root() / name);
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUsage);
  }
  EXPECT_FALSE(create("").ok());
  EXPECT_EQ(entries(), 4U);
}

TEST_F(Folder, WhatCameMeanwhileIsKept) {
  auto folder = create(root() / "a");
  ASSERT_TRUE(folder.ok());
  ASSERT_TRUE(write_file(root() / "a", "mine").ok());
  EXPECT_FALSE(folder->commit().ok());
  EXPECT_EQ(*read_file(root() / "a"), "mine");
}

}  // namespace
}  // namespace speedster
