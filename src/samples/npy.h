/// The npy format, versions 1 to 3 (numpy.lib.format): a Python dictionary literal, then the elements.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <memory>
#include <string>

#include "samples/bytes.h"

namespace speedster::samples {

struct NpyHeader {
  DType dtype = DType::kFloat32;
  Shape shape;
  bool fortran_order = false;
  std::uint64_t header_bytes = 0;  ///< the elements follow
  std::uint64_t data_bytes = 0;
};

/// Reads the header; the stream then stands at the elements. Only the plain dictionary that numpy writes is understood.
/// Kind bad input for anything else; Python objects (pickles), text, records and big-endian numbers are named with the
/// line that converts them. `who` is the array in messages.
Result<NpyHeader> read_npy_header(Stream& stream, const std::string& who);

/// Magic and header of version 1, padded to 64 bytes. Kind unsupported for dtypes that numpy lacks.
Result<std::string> make_npy_header(DType dtype, const Shape& shape);

/// The elements in row-major order. An array in Fortran order goes through an unlinked temporary file first.
Result<std::unique_ptr<Stream>> row_major(std::unique_ptr<Stream> elements, const NpyHeader& header);

}  // namespace speedster::samples
