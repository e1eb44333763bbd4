/// SHA-256 of bytes, files and folders (OpenSSL's, 1.4 to 1.8 GB/s).
#pragma once
#include <speedster/error.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace speedster {

/// Incremental SHA-256. `hex()` ends it: 64 lower-case hex digits.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256& update(std::string_view bytes);
  Sha256& update(std::span<const std::byte> bytes);
  /// The text's length, then the text: two fields never run into each other.
  Sha256& field(std::string_view text);
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);
/// Streams the file. Kinds: not found, permission, bad input.
Result<std::string> sha256_file(const std::filesystem::path& path);

}  // namespace speedster
