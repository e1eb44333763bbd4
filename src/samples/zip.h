/// Zip archives (PKWARE's APPNOTE 6.3): stored or deflated members, zip64, no encryption. Of our own, because Debian's
/// minizip loses sizes above 4 GiB.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "samples/bytes.h"

namespace speedster::samples {

/// An archive whose directory has been read and whose sizes are possible: no member says more than its bytes can hold.
class ZipReader {
 public:
  struct Member {
    std::string name;
    std::uint64_t size = 0;  ///< uncompressed
    std::uint64_t stored = 0, start = 0;
    std::uint32_t crc = 0;
    bool deflated = false;
  };
  /// Kind bad input; `who` names the archive in messages.
  static Result<ZipReader> open(std::shared_ptr<const Bytes> bytes, std::string who);
  const std::vector<Member>& members() const { return members_; }
  const std::string& who() const { return who_; }
  /// The member's bytes. Reading the last one checks the CRC.
  std::unique_ptr<Stream> content(std::size_t i) const;

 private:
  std::shared_ptr<const Bytes> bytes_;
  std::string who_;
  std::vector<Member> members_;
};

/// Stored members only. The archive appears under its name in finish(); unfinished it leaves nothing behind. A device
/// or a pipe is written into.
class ZipWriter {
 public:
  Result<void> open(const std::filesystem::path& path);
  /// A member of two pieces, so that a header needs no copy of its data.
  Result<void> add(std::string_view name, std::string_view header, std::span<const std::byte> data);
  Result<void> finish();

 private:
  Result<void> write(std::string_view bytes);
  std::optional<OutputFile> file_;
  std::uint64_t position_ = 0, count_ = 0;
  std::string directory_;
};

}  // namespace speedster::samples
