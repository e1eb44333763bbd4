/// Bytes from files or memory, at any place or one after another. Files are read, not mapped: what streams through
/// leaves no trace in the resident size.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace speedster::samples {

class Bytes {
 public:
  virtual ~Bytes() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills `to` from `offset` on; fewer bytes only at the end.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const = 0;
};

Result<std::shared_ptr<const Bytes>> open_bytes(const std::filesystem::path& path);
/// The memory must outlive the object.
std::shared_ptr<const Bytes> memory_bytes(std::span<const std::byte> memory);

/// One pass over bytes.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Fills `to` whole, or fails (bad input: the data ends too early).
  virtual Result<void> read(std::span<std::byte> to) = 0;
};

/// From the start of `bytes`; `who` names the file in messages.
std::unique_ptr<Stream> stream(std::shared_ptr<const Bytes> bytes, std::string who);

}  // namespace speedster::samples
