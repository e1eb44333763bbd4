/// Opens a backend with its vendor's library inside a step.
#pragma once
#include "backend/vendor.h"
#include "worker/steps/step.h"

namespace speedster::worker {

/// The plug-in of this name with the first usable library.
Result<backend::OpenedVendor> open_backend(const std::string& name, const StepContext& context);

/// {"key": "value"} as plug-in options; kind usage for other values.
Result<backend::Options> options_from(const Json& object, const char* who);

}  // namespace speedster::worker
