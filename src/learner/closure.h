/// Which shared objects a program needs beyond glibc, and where they are on this machine.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "learner/elf.h"

namespace speedster::learner {

/// Part of glibc: found on every machine of at least its version, never carried along.
bool belongs_to_glibc(std::string_view soname);
/// Files of the shared objects that are loaded in this process, canonical, in load order.
std::vector<std::filesystem::path> loaded_files();
/// The file that a name of DT_NEEDED means to `user`: beside it, on its search path, loaded here, or in the system's
/// folders.
Result<std::filesystem::path> find_needed(const std::string& name, const std::filesystem::path& user,
                                          const ElfInfo& info);
/// `start` and everything that it links, glibc excepted; canonical paths.
Result<std::set<std::filesystem::path>> link_closure(const std::set<std::filesystem::path>& start);

}  // namespace speedster::learner
