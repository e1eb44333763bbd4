#include "package/trust.h"

#include "base/digest.h"
#include "base/files.h"

namespace speedster::package {
namespace {

fs::path mark_of(const std::string& digest) { return state_directory() / "made-here" / digest; }

}  // namespace

std::string payload_digest(const Manifest& manifest, const Variant& variant) {
  std::map<std::string, std::string> digests;
  for (const std::string& file : variant.files)
    if (const auto it = manifest.files.find(file); it != manifest.files.end()) digests.emplace(file, it->second.sha256);
  Sha256 digest;
  for (const auto& [file, sha256] : digests) digest.field(file).field(sha256);
  return digest.hex();
}

Result<void> record_made_here(const Manifest& manifest, const Variant& variant) {
  const fs::path mark = mark_of(payload_digest(manifest, variant));
  SPEEDSTER_TRY(make_directories(mark.parent_path()));
  std::error_code ignored;
  fs::permissions(mark.parent_path(), fs::perms::owner_all, ignored);
  return write_file(mark, variant.backend + "\n");
}

bool made_here(const Manifest& manifest, const Variant& variant) {
  const auto content = read_file(mark_of(payload_digest(manifest, variant)), 4096);
  return content.ok() && *content == variant.backend + "\n";
}

}  // namespace speedster::package
