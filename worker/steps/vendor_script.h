/// repro_vendor.py of a job: there while a vendor works, so that it is kept however the vendor ends.
#pragma once
#include <filesystem>
#include <string>

#include "backend/plugin.h"
#include "worker/steps/step.h"

namespace speedster::worker {

class VendorScript {
 public:
  /// `model`, in the job's directory, is loaded with these options.
  VendorScript(const StepContext& context, const std::string& backend, const std::string& version,
               const backend::Options& load, const std::filesystem::path& model);
  /// Nothing failed.
  void not_needed() const;

 private:
  std::filesystem::path path_;
};

}  // namespace speedster::worker
