/// Where environments lie on disk, and the stamp of a finished one. For the files of this room only.
#pragma once
#include <filesystem>
#include <string_view>

#include "base/lock.h"
#include "toolchain/toolchain.h"

namespace speedster::toolchain {

inline constexpr std::string_view kLinkName = "venv";
inline constexpr std::string_view kEnvironmentPrefix = "env-";
inline constexpr std::string_view kStampName = "speedster-toolchain.json";
inline constexpr std::string_view kLogName = "install.log";

/// data_directory()/toolchains/NAME
std::filesystem::path home_of(std::string_view name);
/// The stamp's text; written last into an environment.
std::string stamp_text(const Recipe& recipe, std::string_view python_version);
/// Reads the stamp of the linked environment.
Result<Environment> read_environment(std::string_view name);

/// Only one process at a time changes a toolchain; waits for whoever does unless cancelled.
Result<FileLock> lock_toolchain(std::string_view name, const CancelToken& cancel);

/// Removes every env-* folder but `keep`: what interrupted and replaced installations left. Needs the lock. Bytes
/// freed.
std::uint64_t sweep(std::string_view name, const std::filesystem::path& keep);

}  // namespace speedster::toolchain
