#include "package/manifest.h"

#include <algorithm>
#include <numeric>

#include "base/digest.h"
#include "base/files.h"

namespace speedster::package {
namespace {

constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{16} << 20U;

/// The next dotted number without leading zeros; empty at the end or at text.
std::string_view next_number(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  // Only ".DIGIT" goes on: "1.2rc1" ends at 1.2, "1.2.post1" too.
  const bool more = text.size() > 1 && text[0] == '.' && text[1] >= '0' && text[1] <= '9';
  text = more ? text.substr(1) : std::string_view();
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const std::string_view x = next_number(a), y = next_number(b);
    if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    if (const int order = x.compare(y); order != 0) return order < 0 ? -1 : 1;
  }
  return 0;
}

std::string unmet_version(const Needs& needs, std::string_view version) {
  if (version.empty()) return {};
  if (!needs.vendor_min.empty() && compare_versions(version, needs.vendor_min) < 0)
    return "needs at least " + needs.vendor_min;
  if (!needs.vendor_below.empty() && compare_versions(version, needs.vendor_below) >= 0)
    return "needs a version below " + needs.vendor_below;
  return {};
}

std::optional<std::string> unmet_need(const Needs& needs, const hardware::Machine& machine) {
  if (!needs.system.empty() && needs.system != machine.system)
    return "needs " + needs.system + ", this is " + machine.system;
  if (needs.device != "cpu") return "needs the device " + needs.device + ", this runtime offers cpu";
  std::string lacking;
  for (const std::string& name : needs.isa)
    if (!machine.isa.contains(name)) lacking += (lacking.empty() ? "" : ", ") + name;
  if (!lacking.empty())
    return "needs " + lacking + ", which this processor" + (machine.model.empty() ? "" : " (" + machine.model + ")") +
           " lacks";
  if (machine.memory_bytes != 0 && needs.memory_bytes > machine.memory_bytes)
    return "needs " + std::to_string(needs.memory_bytes >> 20U) + " MiB of memory, this machine has " +
           std::to_string(machine.memory_bytes >> 20U) + " MiB";
  return std::nullopt;
}

std::vector<std::size_t> load_order(const std::vector<Variant>& variants, const hardware::Machine& machine) {
  const std::string fingerprint = hardware::fingerprint(machine);
  const auto distance = [&](std::size_t index) {
    const auto is = [&](const char* key, const std::string& here) {
      const auto found = variants[index].measured.find(key);
      return found != variants[index].measured.end() && found->is_string() && *found == here;
    };
    if (is("fingerprint", fingerprint)) return 0;
    return is("processor", machine.model) && is("codename", machine.codename) ? 1 : 2;
  };
  std::vector<std::size_t> order(variants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, distance);
  return order;
}

bool is_package(const fs::path& folder) {
  const Result<fs::path> file = inside(folder, kManifestFile, "package");
  const Result<std::string> text = file ? read_file(*file, kMaxManifestBytes) : file.error();
  const Result<Json> json = text ? parse_json(*text, "package") : text.error();
  const Result<std::string> format = json ? json_string(*json, "format", "package") : json.error();
  return format && *format == kManifestFormat;
}

Result<LoadedManifest> read_manifest(const fs::path& package) {
  std::error_code error;
  if (!fs::is_directory(package, error))
    return Error(ErrorKind::kNotFound, "[package] expected a package (a folder with " + std::string(kManifestFile) +
                                           "), got " + (fs::exists(package, error) ? "a file at " : "nothing at ") +
                                           package.string() + "; try a folder that `speedster optimize -o` wrote");
  SPEEDSTER_ASSIGN(const fs::path file, inside(package, kManifestFile, "package"));
  if (!fs::exists(file, error))
    return Error(ErrorKind::kNotFound, "[package] expected " + file.string() +
                                           ", got no such file; try a folder that "
                                           "`speedster optimize -o` wrote");
  SPEEDSTER_ASSIGN(const std::string text, read_file(file, kMaxManifestBytes));
  LoadedManifest loaded;
  loaded.sha256 = sha256(text);
  // What reads JSON knows no remedy.
  const auto advised = [](const Error& failure) {
    const std::string message = failure.full_message();
    const bool tries = message.find("; try ") != std::string::npos;
    return tries ? failure : Error(failure.kind(), message + "; try a fresh copy of the package");
  };
  const Result<Json> json = parse_json(text, "package");
  if (!json) return advised(json.error());
  Result<Manifest> manifest = manifest_from_json(*json);
  if (!manifest) return advised(manifest.error());
  loaded.manifest = *std::move(manifest);
  return loaded;
}

}  // namespace speedster::package
