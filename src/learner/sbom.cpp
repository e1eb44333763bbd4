#include "learner/sbom.h"

#include <speedster/version.h>

#include <algorithm>

#include "base/clock.h"
#include "base/digest.h"

namespace speedster::learner {
namespace {

constexpr const char* kNamespace = "https://spdx.org/spdxdocs/speedster-bundle-";
constexpr const char* kCreator = "Tool: speedster-";

std::string or_no_assertion(const std::string& text) { return text.empty() ? "NOASSERTION" : text; }

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
      {"documentNamespace", kNamespace + digest.hex()},
      {"creationInfo", {{"created", utc_now()}, {"creators", {std::string(kCreator) + SPEEDSTER_VERSION_STRING}}}}};
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

bool describes_bundle(const Json& document) {
  const Result<std::string> name = json_string(document, "documentNamespace", "bundle");
  const Result<const Json*> made = json_object(document, "creationInfo", "bundle");
  const Result<std::vector<std::string>> creators =
      made ? json_strings(**made, "creators", "bundle") : Result<std::vector<std::string>>(made.error());
  return name && name->starts_with(kNamespace) && creators &&
         std::ranges::any_of(*creators, [](const std::string& tool) { return tool.starts_with(kCreator); });
}

}  // namespace speedster::learner
