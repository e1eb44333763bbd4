#include "base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

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

TEST_F(Files, ThreadsThatWriteOneFileDoNotMeet) {
  const fs::path file = root() / "a";
  std::vector<std::thread> threads;
  for (const char letter : {'a', 'b', 'c', 'd'})
    threads.emplace_back([&, letter] {
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(write_file(file, std::string(100'000, letter)).ok());
    });
  for (std::thread& thread : threads) thread.join();
  const std::string content = read_file(file).value();
  EXPECT_EQ(content, std::string(100'000, content.front()));
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);
}

TEST_F(Files, ALinkStaysAndItsFileIsReplaced) {
  fs::create_directory(root() / "far");
  ASSERT_TRUE(write_file(root() / "far/file", "old").ok());
  fs::create_symlink("far/file", root() / "link");
  ASSERT_TRUE(write_file(root() / "link", "new").ok());
  EXPECT_TRUE(fs::is_symlink(root() / "link"));
  EXPECT_EQ(read_file(root() / "far/file").value(), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(root() / "far"), {}), 1);
}

TEST_F(Files, WhatIsNoRegularFileIsWrittenIntoAndStays) {
  const fs::path pipe = root() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const UniqueFd reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK));
  ASSERT_TRUE(write_file(pipe, "through").ok());
  std::byte got[16];
  EXPECT_EQ(read_some(reader.get(), got, pipe).value(), 7U);
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);

  ASSERT_TRUE(write_file("/dev/null", "nothing").ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  if (::geteuid() != 0 || ::mknod((root() / "null").c_str(), S_IFCHR | 0600, 0x103) != 0) return;
  if (write_file(root() / "null", "nothing").ok()) {  // a file system may forbid devices
    EXPECT_TRUE(fs::is_character_file(root() / "null"));
  }
}

TEST_F(Files, ADescriptorIsWrittenIntoWhereverItLeads) {
  const UniqueFd file(::open((root() / "out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(file.valid());
  const std::string number = std::to_string(file.get());
  ASSERT_TRUE(write_file("/dev/fd/" + number, "one ").ok());
  fs::create_symlink("/proc/self/fd/" + number, root() / "link");  // as /dev/stdout is one
  ASSERT_TRUE(write_file(root() / "link", "two").ok());
  std::byte got[16];
  EXPECT_EQ(read_some(file.get(), got, root() / "out").value(), 7U) << "the descriptor's file was replaced";
  EXPECT_TRUE(fs::is_symlink(root() / "link"));
}

TEST_F(Files, WhoMayReadIsKept) {
  ASSERT_TRUE(write_file(root() / "a", "old").ok());
  fs::permissions(root() / "a", fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_TRUE(write_file(root() / "a", "new").ok());
  EXPECT_EQ(read_file(root() / "a").value(), "new");
  EXPECT_EQ(fs::status(root() / "a").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Files, AnUnfinishedOutputLeavesWhatWasThere) {
  ASSERT_TRUE(write_file(root() / "a", "old").ok());
  {
    auto output = OutputFile::create(root() / "a", "test");
    ASSERT_TRUE(output.ok());
    EXPECT_FALSE(output->direct());
    ASSERT_TRUE(output->write(std::as_bytes(std::span("new", 3))).ok());
  }
  EXPECT_EQ(read_file(root() / "a").value(), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);
  EXPECT_FALSE(write_file(root(), "a folder is not replaced").ok());
  EXPECT_TRUE(fs::is_directory(root()));
  EXPECT_EQ(write_file(root() / "none/a", "x").error().kind(), ErrorKind::kNotFound);
}

TEST_F(Files, TreesAreSynced) {
  fs::create_directories(root() / "tree/deep");
  ASSERT_TRUE(write_file(root() / "tree/deep/a", "x").ok());
  fs::create_symlink("nowhere", root() / "tree/link");
  EXPECT_TRUE(sync_tree(root() / "tree").ok());
  EXPECT_EQ(sync_tree(root() / "none").error().kind(), ErrorKind::kNotFound);
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

/// Without anything in the environment that says where a user's folders are.
class UserFolders : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kNames) {
      values_.push_back(environment(name));
      ::unsetenv(name);
    }
  }
  void TearDown() override {
    for (std::size_t i = 0; i < std::size(kNames); ++i)
      if (!values_[i].empty()) ::setenv(kNames[i], values_[i].c_str(), 1);
  }

 private:
  static constexpr const char* kNames[] = {"SPEEDSTER_CACHE_DIR",
                                           "SPEEDSTER_STATE_DIR",
                                           "SPEEDSTER_DATA_DIR",
                                           "XDG_CACHE_HOME",
                                           "XDG_STATE_HOME",
                                           "XDG_DATA_HOME",
                                           "HOME"};
  std::vector<std::string> values_;
};

TEST_F(UserFolders, HomeIsTheAccountsWhereTheEnvironmentNamesNone) {
  const passwd* account = ::getpwuid(::getuid());
  if (account == nullptr) GTEST_SKIP() << "an account without an entry";
  EXPECT_EQ(data_directory(), fs::path(account->pw_dir) / ".local/share/speedster");
  ::setenv("HOME", "relative", 1);
  EXPECT_EQ(state_directory(), fs::path(account->pw_dir) / ".local/state/speedster");
  ::setenv("HOME", "/somewhere", 1);
  EXPECT_EQ(cache_directory(), "/somewhere/.cache/speedster");
  ::unsetenv("HOME");
}

TEST_F(UserFolders, WithoutAHomeNothingIsFoundAndNothingIsMade) {
  constexpr uid_t kNobody = 54321;
  if (::geteuid() != 0 || ::getpwuid(kNobody) != nullptr) GTEST_SKIP() << "another user cannot be tried";
  const auto attempt = [] {
    if (::setresuid(kNobody, kNobody, kNobody) != 0) std::_Exit(2);
    for (const fs::path& folder : {cache_directory(), state_directory(), data_directory()}) {
      std::error_code error;
      if (!folder.is_absolute() || folder.string().starts_with("/tmp") || fs::exists(folder, error)) std::_Exit(3);
      if (make_directories(folder).ok() || write_file(folder / "a", "x").ok()) std::_Exit(4);
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(attempt(), testing::ExitedWithCode(0), "");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(FilesErrno, KindsAndMessage) {
  EXPECT_EQ(errno_kind(ENOSPC), ErrorKind::kNoSpace);
  EXPECT_EQ(errno_kind(EACCES), ErrorKind::kPermission);
  EXPECT_EQ(errno_error(ENOENT, "samples", "a file", "x.npz").message(),
            "[samples] expected a file, got x.npz: No such file or directory; try a path that exists");
}

}  // namespace
}  // namespace speedster
