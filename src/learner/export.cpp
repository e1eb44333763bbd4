#include "learner/export.h"

#include <algorithm>

#include "base/folder_output.h"
#include "learner/export_script.h"
#include "learner/target.h"
#include "learner/vendor_session.h"
#include "learner/verify.h"
#include "package/payload.h"
#include "package/writer.h"

namespace speedster::learner {
namespace {

constexpr const char* kWho = "export";
constexpr const char* kOriginal = "original";
constexpr const char* kScript = "run.py";
constexpr const char* kSession = "session.json";
constexpr const char* kSignature = "signature.json";
constexpr const char* kRequirements = "requirements.txt";
constexpr const char* kSamples = "samples.safetensors";

Error expected(ErrorKind kind, const std::string& rest) { return {kind, "[export] expected " + rest}; }

bool is_export(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / kScript, error) && fs::exists(folder / "optimized" / kSession, error) &&
         holds_only(folder, {kScript, kSignature, kRequirements, kSamples, "optimized", kOriginal});
}

const package::Variant* find(const package::EntryPoint& entry, std::string_view name) {
  const auto it = std::find_if(entry.variants.begin(), entry.variants.end(),
                               [&](const auto& variant) { return variant.name == name; });
  return it == entry.variants.end() ? nullptr : &*it;
}

/// "onnxruntime==1.31.1": the version that was judged ("vendor_version" under "measured"), else what the variant needs.
std::string requirement(const package::Variant& variant) {
  const auto judged = variant.measured.find("vendor_version");
  if (judged != variant.measured.end() && judged->is_string()) {
    // A build number ("2026.4.1-22982-…") is no part of a wheel's version.
    const std::string version = judged->get<std::string>();
    return variant.backend + "==" + version.substr(0, version.find_first_not_of("0123456789."));
  }
  std::string bounds;
  if (!variant.needs.vendor_min.empty()) bounds = ">=" + variant.needs.vendor_min;
  if (!variant.needs.vendor_below.empty()) bounds += (bounds.empty() ? "<" : ",<") + variant.needs.vendor_below;
  return variant.backend + bounds;
}

Result<std::string> place_of(const package::Variant& variant, const std::string& file) {
  const std::optional<std::string> place = package::beside_payload(variant, file);
  if (!place || *place == kSession)
    return expected(ErrorKind::kUnsupported, "the files of \"" + variant.name + "\" beside " + variant.payload +
                                                 " or below, none of them " + kSession + ", got \"" + file + "\"");
  return *place;
}

/// The payload with its files where they lie beside it, as a model names them so, and session.json.
Result<void> write_model(const fs::path& package, const package::EntryPoint& entry, const package::Variant& variant,
                         const CancelToken& cancel, const fs::path& folder, ExportReport& report) {
  const bool free_axes = std::ranges::any_of(entry.signature.inputs, [](const TensorSpec& input) {
    return input.unknown_rank || std::ranges::any_of(input.axes, &Axis::dynamic);
  });
  SPEEDSTER_ASSIGN(Json session, vendor_session(variant, free_axes));
  session["variant"] = variant.name;
  session["model"] = fs::path(variant.payload).filename().string();
  session["format"] = variant.format;
  session["precision"] = variant.precision;
  session["limit"] = difference_limit(variant);
  SPEEDSTER_TRY(make_directories(folder));
  auto note = [&](const std::string& name) { report.files.push_back(folder.filename().string() + "/" + name); };
  for (const std::string& file : variant.files) {
    SPEEDSTER_TRY(go_on(cancel, kWho));
    SPEEDSTER_ASSIGN(const fs::path from, inside(package, file, "export"));
    SPEEDSTER_ASSIGN(const std::string name, place_of(variant, file));
    SPEEDSTER_TRY(make_directories((folder / name).parent_path()));
    SPEEDSTER_TRY(speedster::copy_file(from, folder / name));
    note(name);
  }
  note(kSession);
  return write_file(folder / kSession, to_text(session, 2) + "\n");
}

}  // namespace

Result<ExportReport> export_package(const fs::path& package, const fs::path& directory, const ExportOptions& options) {
  SPEEDSTER_ASSIGN(FolderOutput folder, FolderOutput::create(directory, {kWho, "an export", is_export}));
  SPEEDSTER_ASSIGN(const package::LoadedManifest read, package::read_manifest(package));
  SPEEDSTER_TRY(package::check_all(package, read.manifest));
  const auto found = read.manifest.entries.find(options.entry);
  if (found == read.manifest.entries.end())
    return expected(ErrorKind::kNotFound, "an entry point of the package, got \"" + options.entry + "\"");
  const package::EntryPoint& entry = found->second;
  const package::Variant* winner = options.variant.empty() ? &entry.variants.front() : find(entry, options.variant);
  if (winner == nullptr)
    return expected(ErrorKind::kNotFound, "a variant of the package, got \"" + options.variant + "\"");
  const package::Variant* original = winner->name == kOriginal ? nullptr : find(entry, kOriginal);
  if (original != nullptr && !vendor_session(*original)) original = nullptr;

  const fs::path& root = folder.path();
  ExportReport report{folder.target(),        winner->name,
                      winner->backend,        original == nullptr ? "" : original->name,
                      {requirement(*winner)}, {}};
  SPEEDSTER_TRY(write_model(package, entry, *winner, options.cancel, root / "optimized", report));
  if (original != nullptr) {
    SPEEDSTER_TRY(write_model(package, entry, *original, options.cancel, root / kOriginal, report));
    if (original->backend != winner->backend) report.requirements.push_back(requirement(*original));
  }
  report.requirements.emplace_back("numpy");
  if (!entry.samples.empty()) {
    SPEEDSTER_ASSIGN(const fs::path samples, inside(package, entry.samples, "export"));
    SPEEDSTER_TRY(speedster::copy_file(samples, root / kSamples));
    report.files.emplace_back(kSamples);
  }
  std::string requirements;
  for (const std::string& line : report.requirements) requirements += line + "\n";
  for (const auto& [name, content] :
       {std::pair<std::string, std::string>{kSignature, to_text(to_json(entry.signature), 2) + "\n"},
        {kRequirements, requirements},
        {kScript, std::string(kExportScript)}}) {
    SPEEDSTER_TRY(write_file(root / name, content));
    report.files.push_back(name);
  }
  std::error_code ignored;
  fs::permissions(root / kScript, fs::perms(0755), ignored);
  SPEEDSTER_TRY(go_on(options.cancel, kWho));
  SPEEDSTER_TRY(folder.commit());
  std::sort(report.files.begin(), report.files.end());
  return report;
}

Json to_json(const ExportReport& report) {
  return {{"directory", report.directory.string()},
          {"variant", report.variant},
          {"backend", report.backend},
          {"original", report.original},
          {"requirements", report.requirements},
          {"files", report.files}};
}

}  // namespace speedster::learner
