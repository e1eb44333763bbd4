#include <new>

#include "samples/arrays.h"
#include "samples/npy.h"
#include "samples/store.h"
#include "samples/zip.h"

namespace speedster::samples {
Result<std::vector<NamedTensor>> read_tensors(const std::filesystem::path& file) {
  SPEEDSTER_ASSIGN(const std::unique_ptr<ArrayFile> arrays, open_arrays(file));
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < arrays->arrays().size(); ++i) {
    const ArrayInfo& array = arrays->arrays()[i];
    SPEEDSTER_ASSIGN(const std::unique_ptr<Stream> elements, arrays->elements(i));
    try {
      tensors.push_back({array.name, Tensor(array.dtype, array.shape)});
    } catch (const std::bad_alloc&) {
      return Error(ErrorKind::kOutOfMemory, "[samples] expected memory for " + to_string(array.shape) + " of \"" +
                                                array.name + "\" in " + file.string() + ", got none");
    }
    Tensor& tensor = tensors.back().tensor;
    SPEEDSTER_TRY(elements->read({static_cast<std::byte*>(tensor.data()), tensor.bytes()}));
  }
  return tensors;
}

Result<void> write_npz(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors) {
  ZipWriter zip;
  SPEEDSTER_TRY(zip.open(file));
  for (const NamedTensor& t : tensors) {
    SPEEDSTER_ASSIGN(const std::string header, make_npy_header(t.tensor.dtype(), t.tensor.shape()));
    SPEEDSTER_TRY(zip.add(t.name + ".npy", header, {static_cast<const std::byte*>(t.tensor.data()), t.tensor.bytes()}));
  }
  return zip.finish();
}

}  // namespace speedster::samples
