/// The graph as it came, run once on a backend, and rewritten ones compared with it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "backend/vendor.h"
#include "onnx/model.h"
#include "rewrite/comparison.h"
#include "worker/steps/sample_runner.h"
#include "worker/steps/vendor_script.h"

namespace speedster::worker {

class RewriteJudge {
 public:
  /// Runs the original on the input "samples". Kind usage where there are none.
  /// `seconds`: after how many no further sample is run; one is.
  static Result<RewriteJudge> make(const StepContext& context, const std::string& backend, const fs::path& original,
                                   double seconds, const backend::Options& more = {});

  Result<rewrite::Distance> compare(const fs::path& rewritten);

  /// The outputs of a graph without inputs.
  Result<std::vector<Tensor>> evaluate(const onnx_model::OnnxModel& model);

  const std::string& backend() const { return backend_; }
  /// Of one call of the original.
  double call_seconds() const { return call_seconds_; }
  /// The vendor did not fail: its script goes.
  void not_needed() const;
  /// {"samples", "vendor_version", "options"}
  Json summary() const;
  /// Where graphs are written that are compared; stays when the vendor fails.
  static fs::path folder(const StepContext& context) { return context.directory / "graphs"; }

 private:
  RewriteJudge(const StepContext& context, std::string backend, backend::OpenedVendor vendor,
               samples::SampleStore store, const backend::Options& more);
  Result<SampleRunner> load(const fs::path& file);
  Result<void> run_original(const fs::path& model, const std::vector<std::size_t>& chosen, double seconds);

  const StepContext* context_;
  std::string backend_;
  backend::OpenedVendor vendor_;
  backend::Options options_;
  samples::SampleStore store_;
  std::vector<std::size_t> samples_;
  std::vector<std::vector<Tensor>> outputs_;
  double call_seconds_ = 0;
  std::optional<VendorScript> script_;
};

}  // namespace speedster::worker
