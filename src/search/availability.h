/// Which backends and toolchains can be used here, found out in children.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/json.h"
#include "compiler/recipe.h"
#include "job/supervisor.h"

namespace speedster::search {

struct BackendState {
  std::string name;
  bool usable = false;
  std::string version, library, source;  ///< of the vendor
  std::string reason, remedy;            ///< where not usable
  std::string failure;                   ///< the folder with repro.sh, where its child failed
  std::vector<std::string> precisions, devices, load_options;
};
Json to_json(const BackendState& state);
compiler::Availability availability_of(const BackendState& state);

/// Probes every plug-in that is found, sorted by name, each in a child of its own, so that a broken vendor is a reason
/// and never a crash, nor the end of a time budget: each has a minute at most and an eighth of what is left. `limits`:
/// the wall time and memory of a child, 0 = none of its own. After `cancel` the list is short.
std::vector<BackendState> probe_backends(job::Supervisor& supervisor, const std::filesystem::path& work,
                                         const job::Limits& limits, const Deadline& deadline,
                                         const CancelToken& cancel);
std::map<std::string, compiler::Availability> probe_toolchains();

}  // namespace speedster::search
