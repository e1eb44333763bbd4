/// The header of a safetensors file as values (https://github.com/huggingface/safetensors, "Format").
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace speedster {

struct SafetensorsHeader {
  struct Entry {
    std::string name;
    DType dtype = DType::kFloat32;
    Shape shape;
    std::uint64_t begin = 0, end = 0;  ///< from the start of the data
  };
  std::vector<Entry> tensors;  ///< in the order of their data; they cover it without hole or overlap
  std::map<std::string, std::string> metadata;
  std::uint64_t data_start = 0;
};

/// Headers are refused above this (the format's own limit is 100 MB; a tensor takes about 100 bytes).
inline constexpr std::uint64_t kMaxSafetensorsHeader = std::uint64_t{64} << 20U;

/// Reads and checks the header of a whole file. Kind corrupt, or unsupported for an element type that is not in the
/// table.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file);

/// Length and JSON, padded with spaces to a multiple of 64; begin and end of the entries are set here.
/// Kind usage for names that are doubled, reserved or no UTF-8; unsupported for dtypes that the format lacks.
Result<std::string> make_safetensors_header(std::vector<SafetensorsHeader::Entry>& tensors,
                                            const std::map<std::string, std::string>& metadata);

}  // namespace speedster
