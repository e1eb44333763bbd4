/// The command that mends a toolchain.
#pragma once
#include <string>

#include "toolchain/toolchain.h"

namespace speedster::cli {

/// Empty where it can be used, or where its recipe is at fault, which no command mends.
inline std::string remedy(const toolchain::Row& row) {
  const std::string install = "speedster toolchain install " + row.name;
  if (!row.problem.empty()) return toolchain::find_recipe(row.name).ok() ? install + " --force" : std::string();
  return row.installed && !row.outdated ? std::string() : install;
}

}  // namespace speedster::cli
