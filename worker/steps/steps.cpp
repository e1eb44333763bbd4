#include "worker/steps/step.h"

namespace speedster::worker {
namespace {

struct Entry {
  const char* name;
  Step step;
};

// Every native step; a new one is a new file and one line.
constexpr Entry kSteps[] = {
    {"simplify", simplify},
    {"calibrate", calibrate},
    {"quantize-static", quantize_static},
    {"quantize-dynamic", quantize_dynamic},
    {"convert-half", convert_half},
    {"compile", compile},
};

}  // namespace

Step find_step(const std::string& name) {
  for (const Entry& entry : kSteps)
    if (name == entry.name) return entry.step;
  return nullptr;
}

Result<std::filesystem::path> StepContext::input(const std::string& name) const {
  const auto it = inputs.find(name);
  if (it == inputs.end()) return Error(ErrorKind::kInternal, "[job] expected an input \"" + name + "\", got none");
  return it->second;
}

std::string StepContext::relative(const std::filesystem::path& path) const {
  return path.lexically_relative(directory).string();
}

}  // namespace speedster::worker
