/// A variant's session options in its vendor's own words, one function for each vendor that has a form of its own.
#pragma once
#include "base/json.h"
#include "package/manifest.h"

namespace speedster::learner {

/// {"vendor", "threads_key", "options" and "config"}: for ONNX Runtime attributes of SessionOptions and its config
/// entries, for OpenVINO the properties of compile_model. `free_axes`: an input of the entry has an axis without a
/// fixed extent. Kind unsupported for any other backend.
Result<Json> vendor_session(const package::Variant& variant, bool free_axes = false);

}  // namespace speedster::learner
