/// A package loaded in a child (`speedster-worker serve`): runs samples, runs shapes, times blocks. The search never
/// loads vendor code itself.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "job/failures.h"
#include "job/supervisor.h"
#include "measure/race.h"

namespace speedster::search {

/// What to load and within which limits.
struct ServeSpec {
  std::filesystem::path package;
  std::string variant;  ///< required variant
  std::string entry = "main";
  int threads = 0;
  int contexts = 1;
  std::map<std::string, std::string> options;  ///< override the variant's own
  std::filesystem::path samples;               ///< store folder; empty = none
  std::filesystem::path directory;             ///< the child's working directory (log.txt)
  job::Limits limits;
  std::size_t outputs = 0;            ///< how many the model has: another number is an error; 0 = not known
  double call_timeout_seconds = 600;  ///< of the loading, a run or a block each
  /// Told when the child crashed, hung, ran out of memory or refused (not when it was cancelled); `vendor` is left to
  /// the listener.
  std::function<void(job::ServeFailure)> failed;
};

/// Outputs of one sample, in the signature's order, valid until the next run of the same ServedPackage.
using Outputs = std::vector<TensorView>;

/// One child with one loaded package. Not thread-safe.
class ServedPackage {
 public:
  static Result<ServedPackage> start(job::Supervisor& supervisor, const ServeSpec& spec, const Deadline& deadline,
                                     const CancelToken& cancel);
  ServedPackage(ServedPackage&&) noexcept;
  ServedPackage& operator=(ServedPackage&&) noexcept;
  ~ServedPackage();

  double load_seconds() const;
  /// The most that the child had resident, until stats() was asked for.
  std::uint64_t peak_memory() const;
  /// What speedster_learner_info says, the precision that really ran among it. For that a vendor may compile and run
  /// the model a second time: ask after peak_memory, and never before timing.
  Result<Json> stats(const Deadline& deadline, const CancelToken& cancel);

  /// Runs samples[0 … k) where k, at least 1, is how many fit in the shared slot; returns their outputs.
  Result<std::vector<Outputs>> run(std::span<const std::size_t> samples, const Deadline& deadline,
                                   const CancelToken& cancel);
  /// Runs inputs of these shapes, made from a sample by repeating and cropping; returns the outputs of one call.
  struct ShapeRun {
    Outputs outputs;
    double call_seconds = 0;
  };
  Result<ShapeRun> run_shape(const std::map<std::string, Shape>& shapes, std::size_t sample, int calls,
                             const Deadline& deadline, const CancelToken& cancel);
  /// Resumes, times a block over these samples, pauses again.
  Result<measure::Block> block(const measure::BlockSpec& spec, std::span<const std::size_t> samples,
                               const Deadline& deadline, const CancelToken& cancel);
  /// At least `calls` single calls with the callers and the interval of `profile`: their seconds.
  Result<std::vector<double>> tail(int calls, const measure::BlockSpec& profile, std::span<const std::size_t> samples,
                                   const Deadline& deadline, const CancelToken& cancel);
  /// What it answered is wrong: tells the listener, with the run of this sample, else the latest request.
  void report_wrong(const Error& error, std::optional<std::size_t> sample = {});
  Result<void> pause();
  bool running() const;
  /// Watching memory disturbs timing: off in the race.
  void watch_memory(bool on);
  /// How the child ended, if it did.
  job::Exit end();

 private:
  struct State;
  explicit ServedPackage(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace speedster::search
