/// Files that a command writes at its end.
#pragma once
#include <speedster/error.h>

#include <string>
#include <string_view>

namespace speedster::cli {

/// A search takes minutes: what it is to write is looked at before. Nothing for an empty name. Kind usage for a folder
/// and for a file in none; not found and permission as they are.
Result<void> check_writable(const std::string& file, const char* option, std::string_view who);

}  // namespace speedster::cli
