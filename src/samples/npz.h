/// The arrays of an npz archive: npy members of a zip file.
#pragma once
#include <speedster/error.h>

#include <memory>
#include <string>
#include <vector>

#include "samples/npy.h"
#include "samples/zip.h"

namespace speedster::samples {

class NpzReader {
 public:
  struct Entry {
    std::string name;  ///< without ".npy"
    NpyHeader header;
  };
  /// Reads the directory and each member's header. Kind bad input for members that are no arrays, sizes that differ
  /// from the member's, and names that occur twice.
  static Result<NpzReader> open(std::shared_ptr<const Bytes> bytes, std::string who);
  const std::vector<Entry>& entries() const { return entries_; }
  /// The elements of entry `i` in row-major order.
  Result<std::unique_ptr<Stream>> elements(std::size_t i) const;

 private:
  explicit NpzReader(ZipReader zip) : zip_(std::move(zip)) {}
  ZipReader zip_;
  std::vector<Entry> entries_;
};

}  // namespace speedster::samples
