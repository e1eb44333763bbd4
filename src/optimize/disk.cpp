#include "optimize/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/clock.h"
#include "base/files.h"

namespace speedster::saving {

double bytes_written_per_second(const std::filesystem::path& folder, std::uint64_t bytes) {
  const UniqueFd file(
      ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));  // has no name, is gone at the end
  if (!file.valid() || bytes == 0) return 0;
  // Noise, because a filesystem may compress.
  std::vector<std::uint64_t> block(std::size_t{1} << 17U);
  std::ranges::generate(block, std::mt19937_64(1));
  const std::span<const std::byte> piece = std::as_bytes(std::span(block));
  const double begin = now_seconds();
  for (std::uint64_t left = bytes; left > 0;) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    if (!write_all(file.get(), piece.first(part), folder).ok()) return 0;
    left -= part;
  }
  if (::fsync(file.get()) != 0) return 0;
  return static_cast<double>(bytes) / std::max(now_seconds() - begin, 1e-6);
}

}  // namespace speedster::saving
