/// How fast a disk takes what is written: a time budget has to hold back as much as saving will take.
#pragma once
#include <cstdint>
#include <filesystem>

namespace speedster::saving {

/// Bytes that get onto the disk in a second, from writing so many into `folder` and syncing them; nothing stays there.
/// 0 where it cannot be told.
double bytes_written_per_second(const std::filesystem::path& folder, std::uint64_t bytes);

}  // namespace speedster::saving
