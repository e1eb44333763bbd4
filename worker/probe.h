/// Whether a backend can be used on this machine.
#pragma once
#include <string>

#include "base/json.h"

namespace speedster::worker {

/// The plug-in's probe (usable, reason, remedy, version, devices, precisions) with "library" and "source". A vendor
/// that was not found is an answer with "usable": false.
Result<Json> probe(const std::string& name);

}  // namespace speedster::worker
