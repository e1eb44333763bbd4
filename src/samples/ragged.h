/// Tensors of one dtype and rank, one a sample, in a safetensors file: `offsets` (in elements, one more than samples)
/// and `shapes`, int64, then the elements of all samples one after another as `data`.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <span>

#include "tensor/safetensors.h"

namespace speedster::samples {

class RaggedWriter {
 public:
  /// `shapes`: samples x rank sizes.
  static Result<RaggedWriter> create(const std::filesystem::path& path, DType dtype, std::size_t samples,
                                     std::size_t rank, std::span<const std::int64_t> shapes);
  /// The next bytes of the data, in pieces of any size.
  Result<void> append(std::span<const std::byte> bytes) { return writer_.append(bytes); }
  Result<void> finish() { return writer_.finish(); }

 private:
  explicit RaggedWriter(SafetensorsWriter writer) : writer_(std::move(writer)) {}
  SafetensorsWriter writer_;
};

/// Mapped read-only. Kind corrupt where offsets, shapes and data do not agree.
class RaggedFile {
 public:
  static Result<RaggedFile> open(const std::filesystem::path& path);
  std::size_t size() const { return offsets_.size() - 1; }
  TensorView at(std::size_t i) const;
  void forget(std::size_t i) const;

 private:
  explicit RaggedFile(SafetensorsFile file) : file_(std::move(file)) {}
  SafetensorsFile file_;
  TensorView data_;
  std::span<const std::int64_t> offsets_, shapes_;
  std::size_t rank_ = 0;
};

}  // namespace speedster::samples
