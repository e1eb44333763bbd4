/// The safetensors format: 8 bytes little-endian header length, JSON header, data. Hostile input is refused:
/// sizes are checked before anything is allocated, offsets must lie inside, not overlap and match dtype and shape.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace speedster {

/// A file mapped read-only; views live as long as this does. Data of files we write is 64-byte aligned.
class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  /// The same checks over memory (for fuzzing); the bytes must outlive the object.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes);
  /// Names in file order.
  const std::vector<std::string>& names() const;
  /// Kind not found for an unknown name.
  Result<TensorView> tensor(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Writes tensors one after another without holding them: declare first, then append the data in the same order.
class SafetensorsWriter {
 public:
  struct Declaration { std::string name; DType dtype; Shape shape; };
  static Result<SafetensorsWriter> create(const std::filesystem::path& path, const std::vector<Declaration>& tensors,
                                          const std::map<std::string, std::string>& metadata = {});
  /// The next bytes of the data, in declaration order; may be called with pieces.
  Result<void> append(std::span<const std::byte> bytes);
  /// Fails if fewer bytes came than were declared.
  Result<void> finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

Result<void> write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace speedster
