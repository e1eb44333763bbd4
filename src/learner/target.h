/// What `bundle` and `export` share about the folder that they write.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/cancel.h"

namespace speedster::learner {

/// True where every entry of the folder has one of these names: nothing of a user's own is lost when it is replaced.
bool holds_only(const std::filesystem::path& folder, const std::set<std::string>& names);

/// Kind cancelled once the token is raised. `who` names the command.
Result<void> go_on(const CancelToken& cancel, const std::string& who);

}  // namespace speedster::learner
