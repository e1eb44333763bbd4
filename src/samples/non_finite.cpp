#include "samples/non_finite.h"

#include <cstdint>
#include <cstring>

namespace speedster::samples {
namespace {

/// In IEEE formats the exponent is all ones exactly in NaN and infinity. No early exit: the loop stays a vector loop.
template <typename Bits>
bool any_with(std::span<const std::byte> elements, Bits exponent) {
  unsigned found = 0;
  for (std::size_t i = 0; i + sizeof(Bits) <= elements.size(); i += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, elements.data() + i, sizeof bits);
    found |= static_cast<unsigned>((bits & exponent) == exponent);
  }
  return found != 0;
}

}  // namespace

bool has_non_finite(DType dtype, std::span<const std::byte> elements) {
  switch (dtype) {
    case DType::kFloat16: return any_with<std::uint16_t>(elements, 0x7C00);
    case DType::kBFloat16: return any_with<std::uint16_t>(elements, 0x7F80);
    case DType::kFloat32:
    case DType::kComplex64: return any_with<std::uint32_t>(elements, 0x7F800000);
    case DType::kFloat64:
    case DType::kComplex128: return any_with<std::uint64_t>(elements, 0x7FF0000000000000);
    case DType::kFloat8E4M3FN: return any_with<std::uint8_t>(elements, 0x7F);  // its only NaN; it has no infinity
    case DType::kFloat8E5M2: return any_with<std::uint8_t>(elements, 0x7C);
    default: return false;
  }
}

}  // namespace speedster::samples
