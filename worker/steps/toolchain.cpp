#include <fcntl.h>

#include "job/exec.h"
#include "job/wire.h"
#include "samples/store.h"
#include "toolchain/toolchain.h"
#include "worker/steps/step.h"

namespace speedster::worker {
namespace {

/// The samples that the request chose, as a plain safetensors file that Python reads without Speedster.
Result<void> cut_samples(const StepContext& context) {
  const auto given = context.inputs.find("samples");
  if (given == context.inputs.end()) return {};
  SPEEDSTER_ASSIGN(const samples::SampleStore store, samples::SampleStore::open(given->second));
  std::vector<std::size_t> indices;
  const auto chosen = context.options.find("indices");
  if (chosen != context.options.end() && chosen->is_array()) {
    for (const Json& index : *chosen) {
      if (!index.is_number_unsigned() || index.get<std::size_t>() >= store.size())
        return Error(ErrorKind::kUsage,
                     "[" + context.step + "] expected indices below " + std::to_string(store.size()));
      indices.push_back(index.get<std::size_t>());
    }
  } else {
    for (std::size_t i = 0; i < store.size(); ++i) indices.push_back(i);
  }
  return samples::write_samples(context.directory / "calibration.safetensors", store, indices);
}

}  // namespace

Result<Json> become_toolchain_step(const StepContext& context, const std::string& toolchain) {
  SPEEDSTER_ASSIGN(const toolchain::Environment environment, toolchain::find(toolchain));
  SPEEDSTER_ASSIGN(const toolchain::Recipe recipe, toolchain::find_recipe(toolchain));
  for (const toolchain::Step& step : recipe.steps) {
    if (step.name != context.step) continue;
    SPEEDSTER_TRY(cut_samples(context));
    context.progress(0, "start " + toolchain);
    ::fcntl(job::kReplyDescriptor, F_SETFD, 0);  // the script goes on telling its progress
    job::become(toolchain::command(environment, step, context.directory));
    return Error(ErrorKind::kVendor, "[" + context.step +
                                         "] expected a Python that starts, got none; try speedster toolchain "
                                         "install " +
                                         toolchain);
  }
  return Error(ErrorKind::kNotFound,
               "[job] expected a step of the toolchain " + toolchain + ", got \"" + context.step + "\"");
}

}  // namespace speedster::worker
