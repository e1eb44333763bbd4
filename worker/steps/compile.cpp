#include <speedster/version.h>

#include "base/files.h"
#include "hardware/cpu.h"
#include "package/writer.h"
#include "worker/steps/vendor.h"

namespace speedster::worker {
namespace {

constexpr const char* kWho = "compile";

/// The draft's only variant, but for its files.
Result<package::Variant> variant_of(const Json& options) {
  package::Variant variant;
  SPEEDSTER_ASSIGN(variant.name, json_string(options, "name", kWho));
  SPEEDSTER_ASSIGN(variant.backend, json_string(options, "backend", kWho));
  SPEEDSTER_ASSIGN(variant.techniques, json_strings(options, "techniques", kWho));
  SPEEDSTER_ASSIGN(const std::int64_t threads, json_int(options, "threads", kWho));
  variant.threads = static_cast<int>(threads);
  SPEEDSTER_ASSIGN(const Json* load, json_object(options, "load", kWho));
  SPEEDSTER_ASSIGN(const backend::Options load_options, options_from(*load, kWho));
  for (const auto& [key, value] : load_options) variant.options[key] = value;
  variant.needs.system = hardware::probe().system;
  if (options.contains("needs_isa")) {
    SPEEDSTER_ASSIGN(const std::vector<std::string> isa, json_strings(options, "needs_isa", kWho));
    variant.needs.isa.insert(isa.begin(), isa.end());
  }
  return variant;
}

}  // namespace

Result<Json> compile(const StepContext& context) {
  const Json& options = context.options;
  SPEEDSTER_ASSIGN(package::Variant variant, variant_of(options));
  SPEEDSTER_ASSIGN(const std::string format, json_string(options, "format", kWho));
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  SPEEDSTER_ASSIGN(const Json* signature, json_object(options, "signature", kWho));
  package::EntryPoint entry;
  SPEEDSTER_ASSIGN(entry.signature, signature_from_json(*signature, kWho));

  SPEEDSTER_ASSIGN(const backend::OpenedVendor vendor, open_backend(variant.backend, context));
  SPEEDSTER_ASSIGN(const backend::Options plugin_options, 
                   backend::options_of_scope(vendor.instance.plugin(), backend::Options(variant.options.begin(), variant.options.end()), "compile"));
  const fs::path artifact = context.out / "artifact";
  SPEEDSTER_TRY(make_directories(artifact));
  SPEEDSTER_ASSIGN(const Json made, vendor.instance.compile(model, format, plugin_options, artifact));

  SPEEDSTER_ASSIGN(const std::string payload, json_string(made, "payload", kWho));
  SPEEDSTER_ASSIGN(const std::vector<std::string> files, json_strings(made, "files", kWho));
  variant.format = made.value("format", format);
  variant.kind = made.value("kind", std::string("data")) == "code" ? package::PayloadKind::kCode : package::PayloadKind::kData;
  SPEEDSTER_ASSIGN(package::PackageWriter writer, package::PackageWriter::create(context.out / "package"));
  for (const std::string& file : files) {
    SPEEDSTER_ASSIGN(const fs::path source, inside(artifact, file, kWho));
    const std::string place = "payload/" + file;
    SPEEDSTER_TRY(writer.add_file(source, place));
    variant.files.push_back(place);
    if (file == payload) variant.payload = place;
  }
  if (variant.payload.empty())
    return Error(ErrorKind::kInternal, "[compile] expected the payload " + payload + " among the files of the artifact");
  variant.measured["vendor_version"] = vendor.version;
  entry.variants.push_back(std::move(variant));
  package::Manifest manifest;
  manifest.speedster = SPEEDSTER_VERSION_STRING;
  manifest.entries["main"] = std::move(entry);
  SPEEDSTER_TRY(writer.commit(std::move(manifest)));
  std::error_code ignored;
  fs::remove_all(artifact, ignored);
  return Json{{"files", {{"package", context.relative(context.out / "package")}}}, {"summary", {{"vendor_version", vendor.version}}}};
}

}  // namespace speedster::worker
