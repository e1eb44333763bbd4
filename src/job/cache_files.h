/// How the cache of finished jobs lies on disk:
///   ROOT/KEY/       one finished job; its time stamp is that of its last use
///   ROOT/staging/   jobs being run, under the exclusive lock of their key, and files being copied
///   ROOT/blobs/     copies of users' files by digest, linked into the jobs that use them
///   ROOT/locks/     one file a key
#pragma once
#include "base/lock.h"
#include "job/job.h"

namespace speedster::job {

class CacheFiles {
 public:
  static Result<CacheFiles> open(const fs::path& root);

  const fs::path& root() const { return root_; }
  fs::path entry(const std::string& key) const { return root_ / key; }
  fs::path lock(const std::string& key) const { return root_ / "locks" / key; }

  /// The files that were there when the job was published are there, with their sizes (a machine may have lost power).
  bool intact(const std::string& key) const;
  void touch(const std::string& key) const;

  // With the exclusive lock of the key:
  /// An empty directory to run the job in; what an interrupted run left is removed.
  Result<fs::path> begin(const std::string& key) const;
  /// Records the files and moves the directory into its place.
  Result<void> publish(const std::string& key, const std::string& step) const;
  void discard(const std::string& key) const;
  /// Moves the directory to state_directory()/failed/KEY, where the newest ones stay.
  Result<fs::path> keep_failed(const std::string& key) const;

  std::vector<JobCache::Entry> list() const;
  /// Of copies of users' files that no job is linked to any more.
  std::uint64_t unused_blob_bytes() const;
  std::uint64_t prune(std::uint64_t bytes) const;

 private:
  fs::path staging(const std::string& key) const { return root_ / "staging" / key; }
  void remove_abandoned() const;
  fs::path root_;
};

}  // namespace speedster::job
