/// Where the files of a payload lie as seen from it: a model names its external data so.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "package/manifest.h"

namespace speedster::package {

/// Relative to the folder of the variant's payload; nothing for a file that is not beside it or below.
inline std::optional<std::string> beside_payload(const Variant& variant, const std::string& file) {
  const auto place =
      std::filesystem::path(file).lexically_relative(std::filesystem::path(variant.payload).parent_path());
  if (place.empty() || *place.begin() == "..") return std::nullopt;
  return place.generic_string();
}

}  // namespace speedster::package
