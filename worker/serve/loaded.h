/// What a serve process has loaded: a learner, its callers, and samples.
#pragma once
#include <map>
#include <memory>
#include <optional>

#include "base/json.h"
#include "samples/store.h"
#include "worker/serve/caller.h"

namespace speedster::worker {

/// The inputs that calls are made of: samples in turn, or shapes of a mix with samples of each.
struct CallInputs {
  std::vector<const Inputs*> samples;
  std::vector<std::size_t> shape_of;  ///< of a mix: the shape of each sample, …
  std::vector<double> shares;         ///< … and the share of each shape; empty without one

  bool mixed() const { return !shares.empty(); }
};

class Loaded {
 public:
  /// From the request "load"; `seconds` gets the time from nothing to a context that can be called.
  static Result<std::unique_ptr<Loaded>> load(const Json& request, double* seconds);

  const Learner& learner() const { return learner_; }
  std::size_t sample_count() const { return store_ ? store_->size() : 0; }
  /// A copy of the sample in this process's memory, made before anything is timed. Kept until forget(); the reference
  /// stays valid until then. Kind usage for a sample that is not there.
  Result<const Inputs*> sample(std::size_t index);
  /// Frees the copy.
  void forget(std::size_t index);
  /// Copies of these samples and no others.
  Result<std::vector<const Inputs*>> only(const std::vector<std::size_t>& indices);
  /// Inputs of these shapes ({input: [..]}; the others' are the sample's own), made from a sample by repeating and
  /// cropping.
  Result<std::unique_ptr<Inputs>> reshaped(std::size_t index, const Json& shapes);
  /// Inputs of each shape of a mix, made from these samples and kept until others are asked for.
  Result<CallInputs> mixed(const std::vector<std::size_t>& indices, const Json& mix);
  /// Callers 0 … count-1, made where they are not there yet. References stay valid.
  Result<void> need_callers(std::size_t count);
  Caller& caller(std::size_t index) { return *callers_[index]; }

 private:
  explicit Loaded(Learner learner) : learner_(std::move(learner)) {}
  Learner learner_;
  std::optional<samples::SampleStore> store_;
  std::vector<std::size_t> order_;  ///< where each input of the learner is in a sample
  std::map<std::size_t, std::unique_ptr<Inputs>> copies_;
  Json mixed_of_;  ///< what mixed_ was made of
  CallInputs mixed_;
  std::vector<std::unique_ptr<Inputs>> mixed_memory_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

/// The learner's signature in the JSON form of model/signature.h.
Json signature_json(const Learner& learner);

/// A list of sample numbers under `key`. Kind usage for anything else.
Result<std::vector<std::size_t>> read_indices(const Json& request, const char* key);

}  // namespace speedster::worker
