/// Random access to the bytes of a model: a file read with pread (never mapped: a file cut short by someone else must
/// be an error, not a SIGBUS), or memory.
#pragma once
#include <speedster/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace speedster::onnx_model {

/// Takes pieces of a range in order.
using Sink = std::function<Result<void>(std::span<const std::byte>)>;

class ByteSource {
 public:
  /// Kinds: not found, permission, bad input (no regular file).
  static Result<std::shared_ptr<const ByteSource>> open(const std::filesystem::path& path);
  static std::shared_ptr<const ByteSource> memory(std::string bytes);
  /// A nameless file in the temporary folder that grows by append(). Kinds: no space, permission, …
  static Result<std::shared_ptr<ByteSource>> scratch();
  /// At the end; returns where the bytes begin. Of scratch() alone, and not beside reads.
  Result<std::uint64_t> append(std::span<const std::byte> bytes);

  std::uint64_t size() const { return size_; }
  /// "memory" where there is no file.
  std::string describe() const { return path_.empty() ? "memory" : path_.string(); }
  /// Fills `out` from `offset`; kind bad input where the range is not there.
  Result<void> read(std::uint64_t offset, std::span<std::byte> out) const;
  /// The range in pieces of at most 1 MiB.
  Result<void> stream(std::uint64_t offset, std::uint64_t length, const Sink& sink) const;

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  std::string bytes_;
  std::uint64_t size_ = 0;
};

/// Reads a source byte by byte through a window, for parsing.
class ByteCursor {
 public:
  explicit ByteCursor(const ByteSource& source) : source_(source) {}
  /// The byte at `at`, or -1 where it cannot be read.
  int byte(std::uint64_t at) { return load(at) ? static_cast<int>(window_[static_cast<std::size_t>(at - base_)]) : -1; }
  /// Appends the range to `out`.
  Result<void> copy(std::uint64_t begin, std::uint64_t end, std::string& out);

 private:
  bool load(std::uint64_t at);

  const ByteSource& source_;
  std::vector<std::byte> window_;
  std::uint64_t base_ = 0;
};

}  // namespace speedster::onnx_model
