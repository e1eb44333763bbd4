/// What `bench` and its sweep share: packages and model files made ready, their samples, and children to load them in.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "hardware/cpu.h"
#include "job/job.h"
#include "model/signature.h"
#include "search/bench.h"
#include "search/timing.h"

namespace speedster::search {

/// One of the two, before anything is loaded.
struct Contender {
  std::string which;  ///< "first", "second"
  fs::path path, package;
  bool is_package = false;
  std::string variant;  ///< required of a draft, which has one; a package chooses
  Signature signature;
  fs::path samples;  ///< file with the package's samples, or empty
};

class BenchSetup {
 public:
  /// `live` contenders will be alive at once. The request outlives this.
  static Result<std::unique_ptr<BenchSetup>> make(const BenchRequest& request, int live);

  /// A model file becomes a draft package for ONNX Runtime, as the original of a search does.
  Result<Contender> open(const fs::path& path, const std::string& which);
  /// Those of the request, else of the first contender that has any, else random ones. `from` is for people.
  Result<samples::SampleStore> open_samples(const std::vector<const Contender*>& contenders, std::string& from);

  ServeSpec serve_spec(const Contender& contender, const fs::path& store, int concurrency) const;
  TimingContext timing(std::size_t samples) const;
  const Deadline& deadline() const { return deadline_; }
  /// Without the number of callers.
  measure::Policy policy() const;
  measure::ForeignShare foreign() const { return machine_foreign_share(machine_.cores); }
  /// What it was that ran is asked of a child of its own, after the timing.
  Result<BenchSide> side(const Contender& contender, const ServeSpec& spec, const TimingNotes& notes);

  int threads() const { return threads_; }
  fs::path work() const { return work_->path(); }

 private:
  explicit BenchSetup(const BenchRequest& request) : request_(request) {}
  Result<Contender> wrap(const fs::path& path, const std::string& which);
  Result<void> unpack(const Contender& owner, const fs::path& to);

  const BenchRequest& request_;
  Deadline deadline_;
  hardware::Machine machine_;
  std::string fingerprint_;
  std::optional<TempDir> work_;
  std::vector<job::JobCache> caches_;
  std::unique_ptr<job::Supervisor> supervisor_;  // after work_: children end before their folders go
  int threads_ = 1;
  job::Limits limits_;
};

/// The most samples that a block cycles over: it holds them in memory.
inline constexpr std::size_t kMostBenchSamples = 64;

/// The same inputs in any order: what is fed to one must fit the other.
Result<void> check_same_inputs(const Contender& first, const Contender& second);

}  // namespace speedster::search
