#include <algorithm>
#include <cctype>
#include <set>

#include "base/text.h"
#include "package/manifest.h"

namespace speedster::package {
namespace {

constexpr std::string_view kWho = "package";
constexpr std::size_t kMaxEntries = 64, kMaxVariants = 256, kMaxFiles = 65536, kMaxText = 4096, kMaxOptions = 256;
constexpr std::int64_t kMaxThreads = 65536;

Error corrupt(const std::string& message) {
  return {ErrorKind::kCorrupt, "[package] " + message + "; try a fresh copy of the package"};
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> allowed) {
  return std::find(allowed.begin(), allowed.end(), text) != allowed.end();
}

/// Names of entries, variants, backends and formats: they end up in messages, options and file names.
bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > 128 || name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == '+';
  });
}

bool valid_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::string> name_under(const Json& json, const char* key) {
  SPEEDSTER_ASSIGN(std::string name, json_string(json, key, kWho));
  if (!valid_name(name))
    return corrupt("expected a name of letters, digits and ._+- under \"" + std::string(key) + "\", got \"" +
                   name.substr(0, 80) + "\"");
  return name;
}

Result<std::string> text_under(const Json& json, const char* key) {
  SPEEDSTER_ASSIGN(std::string text, json_string(json, key, kWho));
  if (text.size() > kMaxText)
    return corrupt("expected at most 4096 bytes under \"" + std::string(key) + "\", got " +
                   std::to_string(text.size()));
  return text;
}

Result<std::int64_t> count_under(const Json& json, const char* key, std::int64_t max) {
  SPEEDSTER_ASSIGN(const std::int64_t value, json_int(json, key, kWho));
  if (value < 0 || value > max)
    return corrupt("expected 0 to " + std::to_string(max) + " under \"" + key + "\", got " + std::to_string(value));
  return value;
}

Json to_json(const Needs& needs) {
  Json json = Json::object();
  json["system"] = needs.system;
  json["isa"] = needs.isa;
  json["vendor_min"] = needs.vendor_min;
  json["vendor_below"] = needs.vendor_below;
  json["memory_bytes"] = needs.memory_bytes;
  json["device"] = needs.device;
  return json;
}

/// It becomes a line of an exported requirements.txt.
Result<std::string> version_under(const Json& json, const char* key) {
  SPEEDSTER_ASSIGN(std::string text, text_under(json, key));
  constexpr std::size_t kMostBytes = 64;
  const bool plain = std::ranges::all_of(
      text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '+' || c == '-' || c == '_'; });
  if (!plain || text.size() > kMostBytes)
    return corrupt("expected a version under \"" + std::string(key) + "\", got \"" + text.substr(0, kMostBytes) + "\"");
  return text;
}

Result<Needs> needs_from_json(const Json& json) {
  Needs needs;
  SPEEDSTER_ASSIGN(needs.system, text_under(json, "system"));
  SPEEDSTER_ASSIGN(const std::vector<std::string> isa, json_strings(json, "isa", kWho));
  for (const std::string& name : isa) {
    if (!valid_name(name))
      return corrupt("expected names of instruction sets under \"isa\", got \"" + name.substr(0, 80) + "\"");
    needs.isa.insert(name);
  }
  SPEEDSTER_ASSIGN(needs.vendor_min, version_under(json, "vendor_min"));
  SPEEDSTER_ASSIGN(needs.vendor_below, version_under(json, "vendor_below"));
  SPEEDSTER_ASSIGN(const std::int64_t memory, count_under(json, "memory_bytes", INT64_MAX));
  needs.memory_bytes = static_cast<std::uint64_t>(memory);
  SPEEDSTER_ASSIGN(needs.device, name_under(json, "device"));
  return needs;
}

Json to_json(const Variant& variant) {
  Json json = Json::object();
  json["name"] = variant.name;
  json["backend"] = variant.backend;
  json["format"] = variant.format;
  json["payload"] = variant.payload;
  json["files"] = variant.files;
  json["kind"] = variant.kind == PayloadKind::kCode ? "code" : "data";
  json["options"] = variant.options;
  json["threads"] = variant.threads;
  json["precision"] = variant.precision;
  json["techniques"] = variant.techniques;
  json["needs"] = to_json(variant.needs);
  json["measured"] = variant.measured;
  return json;
}

using Files = std::map<std::string, FileRecord>;

Result<void> check_listed(const std::string& path, const Files& files, const std::string& by) {
  if (!files.contains(path))
    return corrupt("expected every file of " + by + " under \"files\", got none for \"" + path.substr(0, 200) + "\"");
  return {};
}

Result<Variant> variant_from_json(const Json& json, const Files& files) {
  Variant variant;
  SPEEDSTER_ASSIGN(variant.name, name_under(json, "name"));
  SPEEDSTER_ASSIGN(variant.backend, name_under(json, "backend"));
  SPEEDSTER_ASSIGN(variant.format, name_under(json, "format"));
  SPEEDSTER_ASSIGN(variant.payload, text_under(json, "payload"));
  SPEEDSTER_ASSIGN(variant.files, json_strings(json, "files", kWho));
  for (const std::string& file : variant.files) SPEEDSTER_TRY(check_listed(file, files, "\"" + variant.name + "\""));
  if (std::find(variant.files.begin(), variant.files.end(), variant.payload) == variant.files.end())
    return corrupt("expected the payload of \"" + variant.name + "\" among its files, got \"" +
                   variant.payload.substr(0, 200) + "\"");
  SPEEDSTER_ASSIGN(const std::string kind, json_string(json, "kind", kWho));
  if (!one_of(kind, {"data", "code"}))
    return corrupt("expected \"data\" or \"code\" under \"kind\", got \"" + kind.substr(0, 80) + "\"");
  variant.kind = kind == "code" ? PayloadKind::kCode : PayloadKind::kData;
  SPEEDSTER_ASSIGN(const Json* options, json_object(json, "options", kWho));
  if (options->size() > kMaxOptions)
    return corrupt("expected at most 256 options, got " + std::to_string(options->size()));
  for (const auto& [key, value] : options->items()) {
    if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxText || key.size() > kMaxText)
      return corrupt("expected short texts under \"options\", got another value for \"" + key.substr(0, 80) + "\"");
    variant.options.emplace(key, value.get<std::string>());
  }
  SPEEDSTER_ASSIGN(const std::int64_t threads, count_under(json, "threads", kMaxThreads));
  variant.threads = static_cast<int>(threads);
  SPEEDSTER_ASSIGN(variant.precision, json_string(json, "precision", kWho));
  if (!one_of(variant.precision, {"f64", "f32", "bf16", "f16", "int8", "mixed", "unknown"}))
    return corrupt("expected f64, f32, bf16, f16, int8, mixed or unknown under \"precision\", got \"" +
                   variant.precision.substr(0, 80) + "\"");
  SPEEDSTER_ASSIGN(variant.techniques, json_strings(json, "techniques", kWho));
  SPEEDSTER_ASSIGN(const Json* needs, json_object(json, "needs", kWho));
  SPEEDSTER_ASSIGN(variant.needs, needs_from_json(*needs));
  SPEEDSTER_ASSIGN(const Json* measured, json_object(json, "measured", kWho));
  variant.measured = *measured;
  return variant;
}

Result<EntryPoint> entry_from_json(const Json& json, const Files& files) {
  EntryPoint entry;
  SPEEDSTER_ASSIGN(const Json* signature, json_object(json, "signature", kWho));
  SPEEDSTER_ASSIGN(entry.signature, signature_from_json(*signature, kWho));
  SPEEDSTER_ASSIGN(entry.samples, text_under(json, "samples"));
  if (!entry.samples.empty()) SPEEDSTER_TRY(check_listed(entry.samples, files, "\"samples\""));
  SPEEDSTER_ASSIGN(const Json* variants, json_array(json, "variants", kWho));
  if (variants->empty() || variants->size() > kMaxVariants)
    return corrupt("expected 1 to 256 variants, got " + std::to_string(variants->size()));
  std::set<std::string> names;
  for (const Json& item : *variants) {
    SPEEDSTER_ASSIGN(Variant variant, variant_from_json(item, files));
    if (!names.insert(variant.name).second)
      return corrupt("expected distinct variants, got \"" + variant.name + "\" twice");
    entry.variants.push_back(std::move(variant));
  }
  return entry;
}

Result<Files> files_from_json(const Json& json) {
  if (json.size() > kMaxFiles) return corrupt("expected at most 65536 files, got " + std::to_string(json.size()));
  Files files;
  for (const auto& [path, item] : json.items()) {
    if (!valid_file_path(path))
      return corrupt("expected paths inside the package under \"files\", got \"" + path.substr(0, 200) + "\"");
    FileRecord record;
    SPEEDSTER_ASSIGN(record.sha256, json_string(item, "sha256", kWho));
    if (!valid_digest(record.sha256))
      return corrupt("expected 64 lower-case hex digits as the digest of \"" + path + "\"");
    SPEEDSTER_ASSIGN(const std::int64_t bytes, count_under(item, "bytes", INT64_MAX));
    record.bytes = static_cast<std::uint64_t>(bytes);
    files.emplace(path, std::move(record));
  }
  return files;
}

}  // namespace

bool valid_file_path(std::string_view path) {
  if (path.empty() || path.size() > kMaxText || path.front() == '/' || path.back() == '/' || path == kManifestFile)
    return false;
  if (std::any_of(path.begin(), path.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127 || c == '\\'; }))
    return false;
  const std::vector<std::string> components = split(path, '/');
  return std::none_of(components.begin(), components.end(),
                      [](const std::string& part) { return part.empty() || part == "." || part == ".."; });
}

Json to_json(const Manifest& manifest) {
  Json json = Json::object();
  json["format"] = kManifestFormat;
  json["version"] = manifest.version;
  json["speedster"] = manifest.speedster;
  json["entries"] = Json::object();
  for (const auto& [name, entry] : manifest.entries) {
    Json& out = json["entries"][name] = Json::object();
    out["signature"] = speedster::to_json(entry.signature);
    out["samples"] = entry.samples;
    out["variants"] = Json::array();
    for (const Variant& variant : entry.variants) out["variants"].push_back(to_json(variant));
  }
  json["files"] = Json::object();
  for (const auto& [path, record] : manifest.files)
    json["files"][path] = {{"sha256", record.sha256}, {"bytes", record.bytes}};
  json["provenance"] = manifest.provenance;
  return json;
}

Result<Manifest> manifest_from_json(const Json& json) {
  SPEEDSTER_ASSIGN(const std::string format, json_string(json, "format", kWho));
  if (format != kManifestFormat)
    return corrupt("expected the format \"" + std::string(kManifestFormat) + "\", got \"" + format.substr(0, 80) +
                   "\"");
  Manifest manifest;
  SPEEDSTER_ASSIGN(const std::int64_t version, json_int(json, "version", kWho));
  SPEEDSTER_ASSIGN(manifest.speedster, text_under(json, "speedster"));
  if (version > kManifestVersion)
    return Error(ErrorKind::kVersion, "[package] expected a manifest of version " + std::to_string(kManifestVersion) +
                                          " or older, got " + std::to_string(version) +
                                          "; it was written by Speedster " + manifest.speedster.substr(0, 80) +
                                          "; try that one");
  if (version < 1) return corrupt("expected a manifest version of at least 1, got " + std::to_string(version));
  manifest.version = static_cast<int>(version);
  SPEEDSTER_ASSIGN(const Json* files, json_object(json, "files", kWho));
  SPEEDSTER_ASSIGN(manifest.files, files_from_json(*files));
  SPEEDSTER_ASSIGN(const Json* entries, json_object(json, "entries", kWho));
  if (entries->empty() || entries->size() > kMaxEntries)
    return corrupt("expected 1 to 64 entry points, got " + std::to_string(entries->size()));
  for (const auto& [name, item] : entries->items()) {
    if (!valid_name(name))
      return corrupt("expected names of letters, digits and ._+- under \"entries\", got \"" + name.substr(0, 80) +
                     "\"");
    SPEEDSTER_ASSIGN(EntryPoint entry, entry_from_json(item, manifest.files));
    manifest.entries.emplace(name, std::move(entry));
  }
  SPEEDSTER_ASSIGN(const Json* provenance, json_object(json, "provenance", kWho));
  manifest.provenance = *provenance;
  return manifest;
}

}  // namespace speedster::package
