/// Manifests: what is accepted is written and read back as the same, and every path of it stays inside the package.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "package/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace package = speedster::package;
  const auto json = speedster::parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!json) return 0;
  const auto manifest = package::manifest_from_json(*json);
  if (!manifest) return 0;
  for (const auto& [path, record] : manifest->files)
    if (!package::valid_file_path(path)) std::abort();
  for (const auto& [name, entry] : manifest->entries)
    for (const package::Variant& variant : entry.variants)
      for (const std::string& file : variant.files)
        if (!manifest->files.contains(file)) std::abort();
  const auto again = package::manifest_from_json(package::to_json(*manifest));
  if (!again || package::to_json(*again) != package::to_json(*manifest)) std::abort();
  return 0;
}
