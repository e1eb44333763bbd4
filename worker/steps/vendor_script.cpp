#include "worker/steps/vendor_script.h"

#include "job/repro.h"

namespace speedster::worker {

VendorScript::VendorScript(const StepContext& context, const std::string& backend, const std::string& version,
                           const backend::Options& load, const fs::path& model) {
  job::VendorRepro repro;
  repro.backend = backend;
  repro.version = version;
  repro.model = model.lexically_relative(context.directory).string();
  repro.options.insert(load.begin(), load.end());
  repro.threads = context.threads;
  if (job::write_vendor_repro(context.directory, repro)) path_ = context.directory / "repro_vendor.py";
}

void VendorScript::not_needed() const {
  std::error_code ignored;
  if (!path_.empty()) fs::remove(path_, ignored);
}

}  // namespace speedster::worker
