#include "base/lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace speedster {
namespace {

using Mode = FileLock::Mode;

class Lock : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("lock-");
    ASSERT_TRUE(made.ok());
    directory_.emplace(std::move(*made));
  }
  fs::path path() const { return directory_->path() / "lock"; }
  std::optional<FileLock> take(Mode mode) const {
    auto lock = FileLock::try_take(path(), mode);
    EXPECT_TRUE(lock.ok()) << lock.error().full_message();
    return lock.ok() ? std::move(*lock) : std::nullopt;
  }

  std::optional<TempDir> directory_;
};

TEST_F(Lock, OneOwnerOrManyReaders) {
  {
    const auto owner = take(Mode::kExclusive);
    ASSERT_TRUE(owner);
    EXPECT_FALSE(take(Mode::kExclusive));
    EXPECT_FALSE(take(Mode::kShared));
    owner->share();
    EXPECT_TRUE(take(Mode::kShared));
    EXPECT_FALSE(take(Mode::kExclusive));
  }
  const auto first = take(Mode::kShared), second = take(Mode::kShared);
  EXPECT_TRUE(first && second);
}

TEST_F(Lock, OfARemovedFileProtectsNothingAnyMore) {
  const auto owner = take(Mode::kExclusive);
  ASSERT_TRUE(owner);
  owner->remove();
  EXPECT_TRUE(take(Mode::kExclusive)) << "another file has the name now";
}

TEST_F(Lock, EndsWithItsProcess) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = FileLock::try_take(path(), Mode::kExclusive);
    ::_exit(lock.ok() && *lock ? 0 : 1);  // no destructor runs
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(take(Mode::kExclusive));
}

TEST_F(Lock, FollowsNoLink) {
  const fs::path victim = directory_->path() / "victim";
  fs::create_symlink(victim, path());
  EXPECT_FALSE(FileLock::try_take(path(), Mode::kExclusive).ok());
  EXPECT_FALSE(fs::exists(victim));
}

TEST_F(Lock, SaysWhatIsMissing) {
  EXPECT_EQ(FileLock::try_take(directory_->path() / "none" / "lock", Mode::kShared).error().kind(),
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace speedster
