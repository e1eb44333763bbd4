/// Named arrays of a file, whatever its format: npz, npy or safetensors.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "samples/bytes.h"

namespace speedster::samples {

struct ArrayInfo {
  std::string name;  ///< empty for the only array of an npy file
  DType dtype = DType::kFloat32;
  Shape shape;
  std::uint64_t bytes() const { return TensorView{dtype, shape, nullptr}.bytes(); }
};

class ArrayFile {
 public:
  virtual ~ArrayFile() = default;
  const std::vector<ArrayInfo>& arrays() const { return arrays_; }
  /// The elements of array `i` in row-major order; to be read in whole elements.
  virtual Result<std::unique_ptr<Stream>> elements(std::size_t i) const = 0;

 protected:
  std::vector<ArrayInfo> arrays_;
};

/// Told apart by their first bytes. Kind bad input for anything else; not found and permission as they are.
Result<std::unique_ptr<ArrayFile>> open_arrays(const std::filesystem::path& path);

}  // namespace speedster::samples
