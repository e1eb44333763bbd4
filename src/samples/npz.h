/// Zip archives as numpy writes them: stored or deflated, zip64. Over minizip, with what it leaves open checked here.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "samples/bytes.h"
#include "samples/npy.h"

namespace speedster::samples {

/// An archive whose directory has been read. One array is read at a time: opening the next one ends the one before.
class NpzReader {
 public:
  struct Entry {
    std::string name;  ///< without ".npy"
    NpyHeader header;
  };
  /// Reads the directory and each member's header. Sizes that the archive cannot hold are refused before any is
  /// believed.
  static Result<NpzReader> open(std::shared_ptr<const Bytes> bytes, std::string who);
  const std::vector<Entry>& entries() const;
  /// The elements of entry `i` in row-major order. The stream's end checks the member's CRC.
  Result<std::unique_ptr<Stream>> elements(std::size_t i) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace speedster::samples
