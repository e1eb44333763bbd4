/// Files that a command writes at its end.
#pragma once
#include <speedster/error.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace speedster::cli {

/// A search takes minutes: what it is to write is looked at before. Nothing for an empty name. Kind usage for a folder
/// and for a file in none; not found and permission as they are.
Result<void> check_writable(const std::string& file, const char* option, std::string_view who);

/// What is written must not be what is read, nor another of the files that are written. Empty names are none. Kind
/// usage.
using NamedFile = std::pair<const char*, std::string>;  ///< "--html" and its value
Result<void> check_distinct(const std::vector<NamedFile>& written, const std::vector<NamedFile>& read);

}  // namespace speedster::cli
