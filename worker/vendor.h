/// A backend opened in this process: plug-in and vendor's library.
#pragma once
#include "backend/vendor.h"

namespace speedster::worker {

/// Messages of plug-ins and vendors go to stderr, which is the log of the job.
Log log_to_stderr();

/// Finds the plug-in and the vendor's library and opens them. `options`: those of scope "open" are used.
Result<backend::OpenedVendor> open_backend(const std::string& name, const backend::Options& options = {});

/// A JSON object of texts, numbers and booleans as options. Kind usage for anything else.
Result<backend::Options> options_from_json(const Json& json, std::string_view who);

}  // namespace speedster::worker
