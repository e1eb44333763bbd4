/// Jobs that are run once, shared between searches, bounded on disk, and never half there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/lock.h"
#include "job/job.h"
#include "supervised.h"
#include "support/little_space.h"

namespace speedster::job {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40U;

class JobCache_ : public SupervisedTest {
 protected:
  void SetUp() override {
    SupervisedTest::SetUp();
    ::setenv("SPEEDSTER_STATE_DIR", (folder_->path() / "state").c_str(), 1);
    model_ = write("model.bin", "weights");
    cache_.emplace(open());
  }
  void TearDown() override {
    cache_.reset();
    SupervisedTest::TearDown();
  }

  fs::path root() const { return folder_->path() / "cache"; }
  JobCache open(std::uint64_t limit = kPlenty) const {
    auto cache = JobCache::open(root(), limit);
    EXPECT_TRUE(cache.ok()) << cache.error().message();
    return std::move(*cache);
  }
  fs::path write(const std::string& name, const std::string& content) const {
    const fs::path path = folder_->path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path;
  }
  static std::string read(const fs::path& path) { return read_file(path).ok() ? *read_file(path) : "(nothing)"; }

  JobRequest request(const std::string& action) const {
    JobRequest request;
    request.step = "test";
    request.kind = "compress";
    request.inputs["model"] = model_;
    request.options = {{"do", action}, {"count", counter().string()}};
    return request;
  }
  fs::path counter() const { return folder_->path() / "runs"; }
  long runs() const {
    const std::string text = read(counter());
    return text == "(nothing)" ? 0 : std::count(text.begin(), text.end(), '\n');
  }
  JobResult run(const JobRequest& request, double seconds = 60) { return run(*cache_, request, seconds); }
  JobResult run(JobCache& cache, const JobRequest& request, double seconds = 60) {
    auto result = cache.run(*supervisor_, request, Deadline::in(seconds), CancelToken());
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result ? std::move(*result) : JobResult();
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const JobCache::Entry& entry : cache_->list()) keys.push_back(entry.key);
    return keys;
  }

  fs::path model_;
  std::optional<JobCache> cache_;
};

TEST_F(JobCache_, TheSecondTimeIsAnswered) {
  const JobResult first = run(request("copy"));
  ASSERT_TRUE(first.ok()) << to_text(first.result);
  EXPECT_FALSE(first.from_cache);
  EXPECT_GT(first.exit.peak_rss_bytes, 0U);
  EXPECT_EQ(read(first.directory / "out" / "model.bin"), "weights");
  const JobResult second = run(request("copy"));
  EXPECT_TRUE(second.from_cache);
  EXPECT_EQ(second.directory, first.directory);
  EXPECT_EQ(second.result, first.result);
  JobCache other = open();  // another search
  EXPECT_TRUE(run(other, request("copy")).from_cache);
  EXPECT_EQ(runs(), 1);
}

TEST_F(JobCache_, ProgressOfTheStepIsHandedOn) {
  std::vector<std::string> said;
  ASSERT_TRUE(cache_
                  ->run(*supervisor_, request("copy"), Deadline::in(60), CancelToken(),
                        [&](const Json& line) { said.push_back(line.value("message", "")); })
                  .ok());
  EXPECT_THAT(said, ElementsAre("half"));
}

TEST_F(JobCache_, TheKeyHoldsAllThatTheResultDependsOn) {
  const JobRequest base = request("copy");
  const std::string key = *job_key(base);
  EXPECT_EQ(key.size(), 64U);
  EXPECT_EQ(*job_key(base), key);
  auto differs = [&](auto&& change) {
    JobRequest other = base;
    change(other);
    return *job_key(other) != key;
  };
  EXPECT_TRUE(differs([](JobRequest& r) { r.step = "other"; }));
  EXPECT_TRUE(differs([](JobRequest& r) { r.version = 2; }));
  EXPECT_TRUE(differs([](JobRequest& r) { r.toolchain = "nncf"; }));
  EXPECT_TRUE(differs([](JobRequest& r) { r.toolchain_version = "digest"; }));
  EXPECT_TRUE(differs([](JobRequest& r) { r.fingerprint = "zen4"; }));
  EXPECT_TRUE(differs([](JobRequest& r) { r.options["x"] = 1; }));
  EXPECT_TRUE(differs([](JobRequest& r) { r.input_digests["model"] = "known"; }));
  EXPECT_FALSE(differs([](JobRequest& r) { r.limits.wall_seconds = 5; }));
  write("model.bin", "other weights");
  EXPECT_NE(*job_key(base), key);
  JobRequest with_companion = base;
  with_companion.companions["model"] = {write("model.data", "one")};
  const std::string companion_key = *job_key(with_companion);
  write("model.data", "two");
  EXPECT_NE(*job_key(with_companion), companion_key);
}

TEST_F(JobCache_, ADirectoryIsRelocatable) {
  JobRequest moved = request("copy");
  moved.options.erase("count");
  const JobResult result = run(moved);
  ASSERT_TRUE(result.ok());
  for (const char* file : {"request.json", "result.json", "repro.sh", "entry.json"})
    EXPECT_THAT(read(result.directory / file), ::testing::Not(HasSubstr(folder_->path().string()))) << file;
}

TEST_F(JobCache_, FailuresKeepKindDirectoryAndAreNotTriedAgainInThisSearch) {
  const JobResult failed = run(request("fail"));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(failed.error().message(), "[vendor] no");
  EXPECT_EQ(failed.directory.parent_path(), folder_->path() / "state" / "failed");
  EXPECT_TRUE(fs::exists(failed.directory / "repro.sh"));
  EXPECT_TRUE(fs::exists(failed.directory / "log.txt"));
  EXPECT_EQ(read(failed.directory / "inputs" / "model" / "model.bin"), "weights");
  EXPECT_FALSE(run(request("fail")).ok());
  EXPECT_EQ(runs(), 1);
  EXPECT_TRUE(cache_->list().empty());
  JobCache other = open();
  EXPECT_FALSE(run(other, request("fail")).ok());  // another search tries again
  EXPECT_EQ(runs(), 2);
}

TEST_F(JobCache_, EachWayToFailSaysWhat) {
  const JobResult crashed = run(request("crash"));
  EXPECT_EQ(crashed.error().kind(), ErrorKind::kCrashed);
  EXPECT_THAT(crashed.error().message(), HasSubstr("SIGABRT"));
  EXPECT_THAT(read(crashed.directory / "result.json"), HasSubstr("SIGABRT"));
  EXPECT_THAT(run(request("silent")).error().message(), HasSubstr("expected a result.json"));
  EXPECT_THAT(run(request("rubbish")).error().message(), HasSubstr("expected a result.json"));
  EXPECT_THAT(run(request("lie")).error().message(), HasSubstr("out/not-there"));
  EXPECT_EQ(run(request("escape")).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(run(request("said")).error().kind(), ErrorKind::kNoSpace);  // it could not write, but it could say so
  EXPECT_TRUE(cache_->list().empty());
}

TEST_F(JobCache_, ItsOwnTimeLimitIsAFailureTheSearchsDeadlineIsNot) {
  JobRequest hang = request("hang");
  hang.limits.wall_seconds = 0.3;
  const JobResult own = run(hang);
  EXPECT_EQ(own.error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(fs::exists(own.directory / "repro.sh"));
  EXPECT_EQ(run(hang).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(runs(), 1) << "candidates that share a job share its failure";

  JobRequest other = request("hang");
  other.options["other"] = true;
  const JobResult ended = run(other, 0.3);
  EXPECT_EQ(ended.error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(ended.directory.empty());
  EXPECT_TRUE(fs::is_empty(root() / "staging"));
}

TEST_F(JobCache_, WhoWaitsForAJobThatFailsIsToldSo) {
  JobRequest hang = request("hang");
  hang.limits.wall_seconds = 0.7;
  std::vector<std::thread> waiting;
  std::atomic<int> failed{0};
  for (int i = 0; i < 3; ++i)
    waiting.emplace_back([&] {
      const auto result = cache_->run(*supervisor_, hang, Deadline::in(60), CancelToken());
      failed += result.ok() && result->error().kind() == ErrorKind::kTimeout ? 1 : 0;
    });
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(failed, 3);
  EXPECT_EQ(runs(), 1);
}

TEST_F(JobCache_, InputsThatChangedWhileTheyWereCopiedAreNotUsed) {
  JobRequest changed = request("copy");
  changed.inputs_unchanged = [] { return Result<void>(Error(ErrorKind::kBadInput, "[test] changed")); };
  const auto result = cache_->run(*supervisor_, changed, Deadline::in(60), CancelToken());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(runs(), 0);
  EXPECT_TRUE(fs::is_empty(root() / "staging"));
}

TEST_F(JobCache_, PruningRemovesCopiesThatNoJobUses) {
  ASSERT_TRUE(make_directories(root() / "blobs").ok());
  const fs::path copy = root() / "blobs" / std::string(64, 'a');
  ASSERT_TRUE(write_file(copy, std::string(5000, 'x')).ok());
  EXPECT_EQ(cache_->unused_copies_bytes(), 5000U);
  cache_->prune(0);
  EXPECT_TRUE(fs::exists(copy)) << "a fresh one is about to be linked";
  fs::last_write_time(copy, fs::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_EQ(cache_->prune(0), 5000U);
  EXPECT_FALSE(fs::exists(copy));
  EXPECT_EQ(cache_->unused_copies_bytes(), 0U);
}

TEST_F(JobCache_, CancelLeavesNothing) {
  const CancelToken cancel;
  std::thread other([cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cancel.cancel();
  });
  const auto result = cache_->run(*supervisor_, request("hang"), Deadline::in(60), cancel);
  other.join();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(fs::is_empty(root() / "staging"));
  EXPECT_TRUE(cache_->list().empty());
}

TEST_F(JobCache_, AProcessThatIsKilledInTheMiddleLeavesNoEntry) {
  const std::string key = *job_key(request("copy"), root());
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto lock = FileLock::try_take(root() / "locks" / key, FileLock::Mode::kExclusive);
    if (!lock || !*lock) ::_exit(1);
    fs::create_directories(root() / "staging" / key / "out");
    std::ofstream(root() / "staging" / key / "out" / "model.bin") << "half";
    ::raise(SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(fs::exists(root() / "staging" / key));
  EXPECT_TRUE(cache_->list().empty());
  const JobResult result = run(request("copy"));
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.from_cache);
  EXPECT_EQ(read(result.directory / "out" / "model.bin"), "weights");
}

TEST_F(JobCache_, OpeningRemovesWhatInterruptedJobsLeft) {
  fs::create_directories(root() / "staging" / std::string(64, 'a') / "out");
  open();
  EXPECT_TRUE(fs::is_empty(root() / "staging"));
}

TEST_F(JobCache_, TwoThatWantTheSameJobRunItOnce) {
  JobRequest slow = request("copy");
  slow.options["sleep_ms"] = 300;
  JobCache second = open();
  std::atomic<int> from_cache = 0;
  std::vector<std::thread> threads;
  for (JobCache* cache : {&*cache_, &second})
    threads.emplace_back([&, cache] {
      const JobResult result = run(*cache, slow);
      EXPECT_TRUE(result.ok());
      if (result.from_cache) ++from_cache;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs(), 1);
  EXPECT_EQ(from_cache, 1);
}

TEST_F(JobCache_, WaitingForAnotherSearchEndsAtTheDeadline) {
  const std::string key = *job_key(request("copy"), root());
  const auto lock = FileLock::try_take(root() / "locks" / key, FileLock::Mode::kExclusive);
  ASSERT_TRUE(lock.ok() && *lock);
  const auto result = cache_->run(*supervisor_, request("copy"), Deadline::in(0.2), CancelToken());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::kTimeout);
}

TEST_F(JobCache_, LeastRecentlyUsedGoFirstAndWhatIsInUseStays) {
  std::vector<std::string> made;
  {
    JobCache past = open();
    for (int i = 0; i < 4; ++i) {
      JobRequest grow = request("grow");
      grow.options["bytes"] = 100'000 + i;
      made.push_back(run(past, grow).directory.filename().string());
      const timespec times[2] = {{1'000'000'000 + i, 0}, {1'000'000'000 + i, 0}};
      ::utimensat(AT_FDCWD, (root() / made.back()).c_str(), times, 0);
    }
    EXPECT_EQ(past.prune(0), 0U);  // all in use by that search
  }
  JobRequest oldest = request("grow");
  oldest.options["bytes"] = 100'000;
  EXPECT_TRUE(run(oldest).from_cache);  // used again, and in use by this one now
  EXPECT_EQ(keys().front(), made[0]);
  const std::uint64_t freed = cache_->prune(250'000);
  EXPECT_GT(freed, 199'000U);
  EXPECT_THAT(keys(), ElementsAre(made[0], made[3]));
  EXPECT_FALSE(fs::exists(root() / "locks" / made[1]));
  cache_->prune(0);
  EXPECT_THAT(keys(), ElementsAre(made[0]));
}

TEST_F(JobCache_, TheSizeBoundHoldsByItself) {
  for (int i = 0; i < 6; ++i) {
    JobCache small = open(300'000);
    JobRequest grow = request("grow");
    grow.options["bytes"] = 100'000 + i;
    EXPECT_TRUE(run(small, grow).ok());
  }
  EXPECT_LE(cache_->list().size(), 3U);
  EXPECT_GE(cache_->list().size(), 2U);
}

TEST_F(JobCache_, ADamagedEntryIsMadeAnew) {
  const JobResult first = run(request("copy"));
  cache_.emplace(open());
  std::ofstream(first.directory / "out" / "model.bin", std::ios::app) << "!";
  const JobResult second = run(request("copy"));
  EXPECT_FALSE(second.from_cache);
  EXPECT_EQ(read(second.directory / "out" / "model.bin"), "weights");
}

TEST_F(JobCache_, AnEntryWhoseResultCannotBeReadIsMadeAnew) {
  for (const char* text : {"[]", "{}", R"({"old": "form"})", "{", ""}) {
    const JobResult first = run(request("copy"));
    ASSERT_TRUE(first.ok());
    cache_.emplace(open());
    // As an interrupted machine or an older release left it: whole by the record of its files.
    std::ofstream(first.directory / "result.json", std::ios::trunc) << text;
    Json record = Json::parse(read(first.directory / "entry.json"));
    record["files"]["result.json"] = fs::file_size(first.directory / "result.json");
    std::ofstream(first.directory / "entry.json", std::ios::trunc) << to_text(record);
    const JobResult second = run(request("copy"), 20);
    EXPECT_TRUE(second.ok()) << text;
    EXPECT_FALSE(second.from_cache) << text;
    EXPECT_TRUE(run(request("copy")).from_cache) << text;
  }
}

TEST_F(JobCache_, LargeInputsAreLinkedToOneCopyAndLaterChangesOfTheUsersFileDoNotShow) {
  write("model.bin", std::string(2'000'000, 'a'));
  const JobResult first = run(request("list"));
  ASSERT_TRUE(first.ok());
  JobRequest again = request("list");
  again.options["other"] = true;
  const JobResult second = run(again);
  struct stat one{}, two{}, users{};
  ::stat((first.directory / "inputs/model/model.bin").c_str(), &one);
  ::stat((second.directory / "inputs/model/model.bin").c_str(), &two);
  ::stat(model_.c_str(), &users);
  EXPECT_NE(one.st_ino, users.st_ino);
  if (one.st_nlink > 1) {
    EXPECT_EQ(one.st_ino, two.st_ino);
  }
  std::fstream(model_, std::ios::in | std::ios::out) << "changed";
  EXPECT_EQ(read(first.directory / "inputs/model/model.bin"), std::string(2'000'000, 'a'));
}

TEST_F(JobCache_, ToolchainsGetFilesWithOneLink) {
  write("model.bin", std::string(2'000'000, 'a'));
  JobRequest toolchain = request("list");
  toolchain.toolchain = "nncf";
  const JobResult result = run(toolchain);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.result["seen"], Json({{"inputs/model/model.bin", 1}}));
}

TEST_F(JobCache_, CompanionsLieBesideTheirInput) {
  JobRequest list = request("list");
  list.companions["model"] = {write("weights/part.data", "x"), write("model.data", "y")};
  const JobResult result = run(list);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.result["seen"].contains("inputs/model/weights/part.data"));
  EXPECT_TRUE(result.result["seen"].contains("inputs/model/model.data"));
  list.companions["model"] = {"/etc/passwd"};
  const auto outside = cache_->run(*supervisor_, list, Deadline::in(60), CancelToken());
  ASSERT_FALSE(outside.ok());
  EXPECT_EQ(outside.error().kind(), ErrorKind::kBadInput);
}

TEST_F(JobCache_, WhatOneJobMadeIsTheNextOnesInputWithAllBesideIt) {
  const JobResult first = run(request("copy"));
  JobRequest next = request("list");
  next.inputs["model"] = first.directory / "out" / "model.bin";
  std::ofstream(first.directory / "out" / "model.weights") << "beside";
  const JobResult second = run(next);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second.result["seen"].contains("inputs/model/model.weights"));
  EXPECT_EQ(*job_key(next, root()), second.directory.filename().string());
}

TEST_F(JobCache_, FoldersAreInputsToo) {
  write("samples/a.bin", "a");
  write("samples/deep/b.bin", "b");
  JobRequest list = request("list");
  list.inputs["samples"] = folder_->path() / "samples";
  list.owned = {"samples"};
  const JobResult result = run(list);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.result["seen"].contains("inputs/samples/deep/b.bin"));
}

TEST_F(JobCache_, InputsThatAreNotThereOrBadlyNamed) {
  JobRequest missing = request("copy");
  missing.inputs["model"] = "/no/such/model";
  EXPECT_EQ(cache_->run(*supervisor_, missing, Deadline::in(60), CancelToken()).error().kind(), ErrorKind::kNotFound);
  JobRequest named = request("copy");
  named.inputs["../escape"] = model_;
  EXPECT_EQ(cache_->run(*supervisor_, named, Deadline::in(60), CancelToken()).error().kind(), ErrorKind::kUsage);
}

TEST_F(JobCache_, AFullDiskIsAnErrorThatLosesNothing) {
  const JobResult kept = run(request("copy"));
  write("model.bin", std::string(3'000'000, 'a'));
  {
    const test::LittleSpace space(folder_->path() / "small");
    auto full = JobCache::open(folder_->path() / "small" / "jobs", kPlenty);
    ASSERT_TRUE(full.ok());
    const auto result = full->run(*supervisor_, request("copy"), Deadline::in(60), CancelToken());
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind(), ErrorKind::kNoSpace) << result.error().message();
    EXPECT_TRUE(full->list().empty());
  }
  EXPECT_TRUE(fs::exists(kept.directory));
}

TEST_F(JobCache_, ReproRunsTheJobAgainWhereverItsDirectoryLies) {
  const JobResult failed = run(request("fail"));
  const fs::path elsewhere = folder_->path() / "else where";
  fs::copy(failed.directory, elsewhere, fs::copy_options::recursive);
  fs::remove(elsewhere / "result.json");
  ::setenv("SPEEDSTER_WORKER", kChildProgram.c_str(), 1);
  const int status = ::system(
      ("'" + (elsewhere / "repro.sh").string() + "' > '" + (folder_->path() / "said").string() + "' 2>&1").c_str());
  ::unsetenv("SPEEDSTER_WORKER");
  EXPECT_EQ(WEXITSTATUS(status), 1) << read(folder_->path() / "said");
  EXPECT_THAT(read(folder_->path() / "said"), HasSubstr("[vendor] no"));
  EXPECT_EQ(runs(), 2);
  EXPECT_FALSE(fs::exists(elsewhere / "result.json"));  // on a copy: the directory stays as it was
}

}  // namespace
}  // namespace speedster::job
