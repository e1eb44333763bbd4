/// Which backends and toolchains can be used here, found out in children.
#pragma once
#include <map>
#include <string>

#include "base/clock.h"
#include "compiler/recipe.h"
#include "job/supervisor.h"

namespace speedster::search {

/// Probes every plug-in in a child of its own, so that a broken vendor is a reason and never a crash.
std::map<std::string, compiler::Availability> probe_backends(job::Supervisor& supervisor,
                                                             const std::filesystem::path& work,
                                                             const Deadline& deadline, const CancelToken& cancel);
std::map<std::string, compiler::Availability> probe_toolchains();

}  // namespace speedster::search
