/// Samples of the store on an ONNX file, for steps that look at what comes out.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "backend/vendor.h"
#include "compressor/calibrate.h"
#include "samples/store.h"
#include "worker/steps/step.h"

namespace speedster::worker {

class SampleRunner {
 public:
  /// Full precision, graph optimizations off, threads that do not spin: as far as the plug-in has such options.
  static backend::Options options(const backend::Instance& instance, int threads);

  /// `fixed`: inputs that no sample has; read at each run, from memory that outlives this. Kind bad input where neither
  /// has an input of the model.
  static Result<SampleRunner> load(const backend::Instance& instance, const fs::path& file,
                                   const backend::Options& options, const samples::SampleStore& store,
                                   const std::map<std::string, TensorView>& fixed = {});

  /// The outputs stay the backend's, valid during the call of `take`.
  Result<void> run(std::size_t sample, const compressor::TakeOutputs& take);
  /// Seconds of each node by its name, with the inputs of the last run. Empty where the backend cannot tell.
  Result<std::map<std::string, double>> seconds_by_node();
  const std::vector<TensorSpec>& outputs() const { return signature_.outputs; }

 private:
  SampleRunner(Signature signature, backend::Context context, samples::SampleStore store)
      : signature_(std::move(signature)), context_(std::move(context)), store_(std::move(store)) {}

  Signature signature_;
  backend::Context context_;
  samples::SampleStore store_;
  std::vector<std::size_t> place_;           ///< of each input in a sample
  std::map<std::size_t, TensorView> fixed_;  ///< by input
};

/// The option "indices", or all samples.
Result<std::vector<std::size_t>> chosen_samples(const StepContext& context, const samples::SampleStore& store);

}  // namespace speedster::worker
