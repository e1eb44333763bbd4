#include "worker/steps/draft.h"

#include <speedster/version.h>

#include "package/trust.h"
#include "package/writer.h"
#include "worker/vendor.h"

namespace speedster::worker {
Result<Json> write_draft(const StepContext& context, const Artifact& artifact, const std::string& vendor_version) {
  package::Variant variant;
  variant.name = context.text("name", "draft");
  SPEEDSTER_ASSIGN(variant.backend, json_string(context.options, "backend", context.step));
  variant.format = artifact.format;
  variant.kind = artifact.kind;
  SPEEDSTER_ASSIGN(const backend::Options load, options_from_json(context.options.value("load", Json()), context.step));
  variant.options.insert(load.begin(), load.end());
  variant.threads = static_cast<int>(context.number("threads", context.threads));
  variant.precision = "unknown";  // what really ran is known once it has
  variant.techniques = context.texts("techniques");
  variant.needs = artifact.needs;
  for (std::string& name : context.texts("needs_isa")) variant.needs.isa.insert(std::move(name));
  variant.measured["vendor_version"] = vendor_version;

  SPEEDSTER_ASSIGN(const Json* signature_json, json_object(context.options, "signature", context.step));
  SPEEDSTER_ASSIGN(Signature signature, signature_from_json(*signature_json, context.step));
  const std::uint64_t bytes = directory_size(artifact.folder);
  SPEEDSTER_ASSIGN(package::PackageWriter writer, package::PackageWriter::create(context.out / "package", bytes));
  for (const std::string& file : artifact.files) {
    SPEEDSTER_ASSIGN(const fs::path from, inside(artifact.folder, file, context.step));
    const std::string place = "payload/" + file;
    SPEEDSTER_TRY(writer.add_file(from, place));
    variant.files.push_back(place);
    if (file == artifact.payload) variant.payload = place;
  }
  if (variant.payload.empty())
    return Error(ErrorKind::kVendor, "[" + context.step +
                                         "] expected the payload among the files that were written, got \"" +
                                         artifact.payload + "\"");
  package::Manifest manifest;
  manifest.speedster = SPEEDSTER_VERSION_STRING;
  manifest.provenance = {{"draft", true}};
  manifest.entries["main"] = {std::move(signature), {variant}, ""};
  SPEEDSTER_TRY(writer.commit(manifest));
  if (variant.kind == package::PayloadKind::kCode) {
    SPEEDSTER_ASSIGN(const package::LoadedManifest written, package::read_manifest(context.out / "package"));
    SPEEDSTER_TRY(package::record_made_here(written.manifest, written.manifest.entries.at("main").variants.front()));
  }
  return Json{{"files", {{"package", "out/package"}}},
              {"summary", {{"bytes", bytes}, {"vendor_version", vendor_version}}}};
}

}  // namespace speedster::worker
