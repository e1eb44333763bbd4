#include "package/payloads.h"

#include "base/digest.h"
#include "package/payload.h"

namespace speedster::package {

Result<Variant> Payloads::add(const fs::path& source, const Manifest& manifest, const Variant& variant) {
  const auto beside = [&variant](const std::string& file) {
    return beside_payload(variant, file).value_or(fs::path(file).filename().string());
  };
  Sha256 digest;
  for (const std::string& file : variant.files) {
    const auto record = manifest.files.find(file);
    if (record == manifest.files.end())
      return Error(ErrorKind::kInternal, "[package] expected " + file + " of \"" + variant.name + "\" in the manifest");
    digest.field(beside(file)).field(record->second.sha256);
  }
  const std::string folder = "payloads/" + digest.hex().substr(0, 16);
  Variant stored = variant;
  stored.files.clear();
  for (const std::string& file : variant.files) {
    const std::string place = folder + "/" + beside(file);
    if (file == variant.payload) stored.payload = place;
    stored.files.push_back(place);
    if (!stored_.insert(place).second) continue;
    SPEEDSTER_ASSIGN(const fs::path from, inside(source, file, "package"));
    SPEEDSTER_TRY(writer_.add_file(from, place));
  }
  return stored;
}

}  // namespace speedster::package
