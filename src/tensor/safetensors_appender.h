/// A safetensors file whose tensors are not known beforehand.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace speedster {

/// The data goes to an unlinked file beside the target first, and behind the header at the end: nothing is held in
/// memory. The file appears in finish().
class SafetensorsAppender {
 public:
  static Result<SafetensorsAppender> create(const std::filesystem::path& path);
  Result<void> add(std::string name, const TensorView& tensor);
  /// Of the data so far.
  std::uint64_t bytes() const;
  /// Kinds as of SafetensorsWriter::create().
  Result<void> finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace speedster
