#include "learner/sbom.h"

#include <speedster/version.h>

#include <ctime>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"

namespace speedster::learner {
namespace {

std::string or_no_assertion(const std::string& text) { return text.empty() ? "NOASSERTION" : text; }

std::string utc_now() {
  const auto given = parse_number<std::int64_t>(environment("SOURCE_DATE_EPOCH"));
  const std::time_t now = given ? static_cast<std::time_t>(*given) : std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// A package of the document: SPDX lets packages, unlike files, be digested by SHA-256 alone.
Json spdx_package(const BundlePart& part, const std::string& id) {
  Json json = {{"SPDXID", id}, {"name", part.name}};
  if (!part.version.empty()) json["versionInfo"] = part.version;
  if (!part.file.empty()) json["packageFileName"] = "./" + part.file;
  json["downloadLocation"] = "NOASSERTION";
  json["filesAnalyzed"] = false;
  if (!part.sha256.empty()) json["checksums"] = {{{"algorithm", "SHA256"}, {"checksumValue", part.sha256}}};
  json["licenseConcluded"] = or_no_assertion(part.licence);
  json["licenseDeclared"] = or_no_assertion(part.licence);
  json["copyrightText"] = "NOASSERTION";
  json["comment"] = part.kind;
  return json;
}

}  // namespace

Json spdx_document(const std::string& name, const std::vector<BundlePart>& parts) {
  Sha256 digest;
  for (const BundlePart& part : parts) digest.field(part.file).field(part.name).field(part.version).field(part.sha256);
  Json document = {
      {"spdxVersion", "SPDX-2.3"},
      {"dataLicense", "CC0-1.0"},
      {"SPDXID", "SPDXRef-DOCUMENT"},
      {"name", name},
      {"documentNamespace", "https://spdx.org/spdxdocs/speedster-bundle-" + digest.hex()},
      {"creationInfo", {{"created", utc_now()}, {"creators", {"Tool: speedster-" SPEEDSTER_VERSION_STRING}}}}};
  document["packages"] = Json::array();
  document["relationships"] = Json::array();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string id = "SPDXRef-Part-" + std::to_string(i + 1);
    document["packages"].push_back(spdx_package(parts[i], id));
    document["relationships"].push_back(
        {{"spdxElementId", "SPDXRef-DOCUMENT"}, {"relationshipType", "DESCRIBES"}, {"relatedSpdxElement", id}});
  }
  return document;
}

}  // namespace speedster::learner
