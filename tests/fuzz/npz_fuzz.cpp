/// npz archives, and with them zip directories, npy headers, deflate and Fortran order: whatever the bytes are, reading
/// ends with a value or an error.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "samples/npz.h"

namespace {

constexpr std::uint64_t kMostRead = std::uint64_t{1} << 20U;  // of a member; deflate makes a thousand bytes out of one

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace samples = speedster::samples;
  const auto archive =
      samples::NpzReader::open(samples::memory_bytes(std::as_bytes(std::span(data, size))), "fuzz.npz");
  if (!archive) return 0;
  for (std::size_t i = 0; i < archive->entries().size(); ++i) {
    const std::uint64_t bytes = archive->entries()[i].header.data_bytes;
    if (bytes > kMostRead) continue;
    const auto elements = archive->elements(i);
    std::vector<std::byte> content(bytes);
    if (elements && !(*elements)->read(content)) return 0;
  }
  return 0;
}
