/// The manifest of a package: entry points, variants with what they need, digests of every file, provenance.
/// schemas/manifest.schema.json describes the JSON form; hostile input is refused here.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "hardware/cpu.h"
#include "model/signature.h"

namespace speedster::package {

/// Readers accept this version and older ones; a newer one is refused with the version that reads it.
inline constexpr int kManifestVersion = 1;
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kManifestFormat = "speedster-package";  ///< under "format"
inline constexpr const char* kReportFile = "report.json";            ///< what the search that made it found

enum class PayloadKind { kData, kCode };  ///< code loads only if this machine made it or the caller allows it

/// What a machine must have before a variant loads.
struct Needs {
  std::string system;              ///< "linux-x86_64"; empty = any
  hardware::IsaSet isa;            ///< what the numbers rest on, not only the speed (VNNI for 8-bit weights)
  std::string vendor_min;          ///< lowest version of the backend's vendor library; empty = any
  std::string vendor_below;        ///< first version that is too new; empty = none
  std::uint64_t memory_bytes = 0;  ///< peak resident size seen, 0 = not known
  std::string device = "cpu";
};

/// One way to run an entry point.
struct Variant {
  std::string name;                ///< unique in its entry: "openvino-int8-static"
  std::string backend;             ///< plug-in name
  std::string format;              ///< "onnx", "openvino-ir", …
  std::string payload;             ///< relative path of the file the plug-in loads
  std::vector<std::string> files;  ///< all files of the payload, relative, `payload` among them
  PayloadKind kind = PayloadKind::kData;
  std::map<std::string, std::string> options;  ///< the plug-in's load options
  int threads = 0;                             ///< as judged; 0 = the vendor's own default
  std::string precision;                       ///< what really ran: "f64" "f32" "bf16" "f16" "int8" "mixed" "unknown"
  std::vector<std::string> techniques;         ///< "static int8 (percentile)", …, for people
  Needs needs;
  Json measured = Json::object();  ///< drop, latency, speed-up, processor: what was measured where
};

struct EntryPoint {
  Signature signature;
  std::vector<Variant> variants;  ///< in order of preference
  std::string samples;            ///< relative safetensors file with inputs and expected outputs, or empty
};

struct FileRecord {
  std::string sha256;
  std::uint64_t bytes = 0;
};

struct Manifest {
  int version = kManifestVersion;
  std::string speedster;                      ///< the version that wrote it
  std::map<std::string, EntryPoint> entries;  ///< "main", …
  std::map<std::string, FileRecord> files;    ///< every file of the package but the manifest
  Json provenance = Json::object();           ///< input digest, versions, options, seed
};

Json to_json(const Manifest& manifest);
/// Kinds corrupt and version. Every path is checked to be relative and inside; every referenced file must be listed.
Result<Manifest> manifest_from_json(const Json& json);
/// Whether a relative path may name a file of a package: no way out, no control characters, not the manifest itself.
bool valid_file_path(std::string_view path);
/// Whether the folder holds a manifest of our format, of whatever version and state.
bool is_package(const std::filesystem::path& folder);
struct LoadedManifest {
  Manifest manifest;
  std::string sha256;
};
/// Reads DIR/manifest.json (at most 16 MiB) and returns it with its digest.
Result<LoadedManifest> read_manifest(const std::filesystem::path& package);

/// Why a variant cannot load on this machine; nothing if it can. The vendor's version is judged by the learner.
std::optional<std::string> unmet_need(const Needs& needs, const hardware::Machine& machine);
/// Why this version of the vendor's library does not meet `needs`; empty if it does or is not known.
std::string unmet_version(const Needs& needs, std::string_view version);
/// In which order variants are tried on a machine: those that were measured on this very machine, then those measured
/// on this model of processor, then the rest, each group in the package's own order. Only a package that was merged
/// holds variants of several machines.
std::vector<std::size_t> load_order(const std::vector<Variant>& variants, const hardware::Machine& machine);
/// -1, 0, 1 over dotted versions ("1.31.1" < "1.32"); text after the numbers is ignored.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace speedster::package
