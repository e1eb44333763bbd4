/// The safetensors format: 8 bytes little-endian header length, JSON header, data. Hostile input is refused:
/// sizes are checked before anything is allocated; offsets must match dtype and shape and cover the data without hole
/// or overlap, as the format's own reader demands.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace speedster {

/// A file mapped read-only; views live as long as this or a copy of it does. The data of files that we write starts at
/// a multiple of 64. A tensor that lies misaligned for its dtype in the file is viewed in an aligned copy.
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
  /// Tells the kernel that these bytes of a tensor are not needed soon (keeps resident memory flat while streaming).
  void forget(std::string_view name, std::size_t offset, std::size_t length) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Writes tensors one after another without holding them: declare first, then append the data in the same order.
/// The file appears under its name only in finish(); a writer that ends before leaves nothing behind. A device or a
/// pipe is written into.
class SafetensorsWriter {
 public:
  struct Declaration {
    std::string name;
    DType dtype;
    Shape shape;
  };
  /// Kind no space if the file system lacks the room for all of it.
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
