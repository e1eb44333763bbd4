/// The state of each backend on this machine, found out in children: a broken vendor is a row, never a crash.
#pragma once
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "job/supervisor.h"

namespace speedster::cli {

struct BackendState {
  std::string name;
  bool usable = false;
  std::string version, library, source;  ///< of the vendor
  std::string reason, remedy;            ///< where not usable
  std::vector<std::string> precisions, devices;
};

/// Every plug-in that is found, sorted by name.
std::vector<BackendState> probe_backends(const CancelToken& cancel);
Json to_json(const BackendState& state);

}  // namespace speedster::cli
