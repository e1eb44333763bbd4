#include "backend/vendor.h"

#include <fnmatch.h>
#include <link.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <functional>

#include "base/files.h"
#include "base/text.h"

namespace speedster::backend {
namespace {

/// The "vendor" part of a description.
struct Vendor {
  std::string name, toolchain;
  std::vector<std::string> patterns, site_packages;
  bool coexists = false;
};

Result<Vendor> read_vendor(const Json& json, std::string_view who) {
  Vendor vendor;
  SPEEDSTER_ASSIGN(vendor.name, json_string(json, "name", who));
  SPEEDSTER_ASSIGN(vendor.patterns, json_strings(json, "file_patterns", who));
  SPEEDSTER_ASSIGN(vendor.site_packages, json_strings(json, "site_packages", who));
  if (json.contains("toolchain")) {
    SPEEDSTER_ASSIGN(vendor.toolchain, json_string(json, "toolchain", who));
  }
  if (json.contains("coexists")) {
    SPEEDSTER_ASSIGN(vendor.coexists, json_bool(json, "coexists", who));
  }
  return vendor;
}

bool matches(const std::vector<std::string>& patterns, const fs::path& file) {
  return std::any_of(patterns.begin(), patterns.end(), [name = file.filename().string()](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

/// Subfolders of `parent` whose names match, highest version first.
std::vector<fs::path> subfolders(const fs::path& parent, const char* pattern) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error))
    if (::fnmatch(pattern, it->path().filename().c_str(), 0) == 0) found.push_back(it->path());
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return ::strverscmp(a.c_str(), b.c_str()) > 0; });
  return found;
}

/// site-packages of the environment PREFIX.
std::vector<fs::path> site_packages(const fs::path& prefix) {
  std::vector<fs::path> folders;
  for (const char* lib : {"lib", "lib64"})
    for (const fs::path& python : subfolders(prefix / lib, "python3*"))
      for (const char* kind : {"site-packages", "dist-packages"}) folders.push_back(python / kind);
  return folders;
}

/// PREFIX of the interpreter at PREFIX/bin/python3; links are not followed, as an environment's python is one.
std::optional<fs::path> python_prefix(const fs::path& interpreter) {
  if (!interpreter.is_absolute() || !interpreter.filename().string().starts_with("python")) return std::nullopt;
  return interpreter.parent_path().parent_path();
}

std::optional<fs::path> first_on_path(std::string_view program) {
  for (const std::string& folder : split(environment("PATH"), ':')) {
    const fs::path file = fs::path(folder) / program;
    std::error_code error;
    if (file.is_absolute() && fs::exists(file, error)) return file;
  }
  return std::nullopt;
}

/// Where the Python around keeps packages; see vendor.h for the order.
std::vector<fs::path> python_folders() {
  std::vector<fs::path> prefixes;
  if (const std::string active = environment("VIRTUAL_ENV"); !active.empty()) prefixes.emplace_back(active);
  if (auto line = read_file("/proc/self/cmdline"); line.ok())
    if (auto prefix = python_prefix(fs::path(line->c_str()))) prefixes.push_back(*prefix);
  std::error_code error;
  if (auto prefix = python_prefix(fs::read_symlink("/proc/self/exe", error))) prefixes.push_back(*prefix);
  if (auto python = first_on_path("python3"))
    if (auto prefix = python_prefix(*python)) prefixes.push_back(*prefix);
  if (const std::string home = environment("HOME"); !home.empty()) prefixes.push_back(fs::path(home) / ".local");
  std::vector<fs::path> folders;
  for (const fs::path& prefix : prefixes)
    for (fs::path& folder : site_packages(prefix)) folders.push_back(std::move(folder));
  return folders;
}

std::vector<fs::path> system_folders() {
  std::vector<fs::path> folders;
  for (const std::string& folder : split(environment("LD_LIBRARY_PATH"), ':'))
    if (!folder.empty() && folder.front() == '/') folders.emplace_back(folder);
  folders.emplace_back("/usr/local/lib");
  for (fs::path& multiarch : subfolders("/usr/lib", "*-linux-gnu*")) folders.push_back(std::move(multiarch));
  for (const char* folder : {"/usr/lib64", "/usr/lib"}) folders.emplace_back(folder);
  return folders;
}

/// Names of the objects in this process, in load order.
std::vector<fs::path> loaded_objects() {
  std::vector<fs::path> names;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* user) {
        if (info->dlpi_name != nullptr && *info->dlpi_name != '\0')
          static_cast<std::vector<fs::path>*>(user)->emplace_back(info->dlpi_name);
        return 0;
      },
      &names);
  return names;
}

/// Collects libraries, each file once.
class Candidates {
 public:
  explicit Candidates(const Vendor& vendor) : vendor_(vendor) {}
  void add(const fs::path& file, std::string_view source) {
    std::error_code error;
    const fs::path path = fs::canonical(file, error);
    if (error || !fs::is_regular_file(path, error)) return;
    const bool known =
        std::any_of(found_.begin(), found_.end(), [&](const VendorLibrary& l) { return l.path == path; });
    if (!known) found_.push_back({path, std::string(source)});
  }
  void look_in(const fs::path& folder, std::string_view source) {
    places_.push_back(folder);
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (matches(vendor_.patterns, it->path())) files.push_back(it->path());
    std::sort(files.begin(), files.end(),
              [](const fs::path& a, const fs::path& b) { return ::strverscmp(a.c_str(), b.c_str()) > 0; });
    for (const fs::path& file : files) add(file, source);
  }
  void look_in_packages(const fs::path& site, std::string_view source) {
    for (const std::string& folder : vendor_.site_packages) look_in(site / folder, source);
  }
  const std::vector<VendorLibrary>& found() const { return found_; }
  const std::vector<fs::path>& places() const { return places_; }

 private:
  const Vendor& vendor_;
  std::vector<VendorLibrary> found_;
  std::vector<fs::path> places_;
};

std::string setting_variable(std::string_view plugin) {
  std::string name = "SPEEDSTER_";
  for (char c : plugin) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name + "_LIBRARY";
}

std::string remedy(const Plugin& plugin, const Vendor& vendor) {
  std::string text = "; try ";
  if (!vendor.toolchain.empty()) text += "`speedster toolchain install " + vendor.toolchain + "`, or ";
  return text + setting_variable(plugin.name()) + "=PATH";
}

/// Shows the libraries one after another in the order of vendor.h until `wants` one; places behind it are not looked
/// into, which takes milliseconds. Errors: the setting names no file, or nothing is there at all.
Result<void> visit_libraries(const Plugin& plugin, const VendorSearch& search,
                             const std::function<bool(const VendorLibrary&)>& wants) {
  const auto described = plugin.description().find("vendor");
  if (described == plugin.description().end()) {
    wants({{}, "none"});
    return {};
  }
  const std::string who = "backend/" + plugin.name();
  SPEEDSTER_ASSIGN(const Vendor vendor, read_vendor(*described, who));
  const std::string setting =
      search.setting.empty() ? environment(setting_variable(plugin.name()).c_str()) : search.setting;
  Candidates candidates(vendor);
  std::size_t shown = 0;
  const auto found = [&] {
    while (shown < candidates.found().size())
      if (wants(candidates.found()[shown++])) return true;
    return false;
  };

  for (const fs::path& object : loaded_objects())
    if (matches(vendor.patterns, object)) candidates.add(object, "mapped");
  if (!candidates.found().empty() && !vendor.coexists) {
    found();
    return {};
  }
  if (!setting.empty()) {
    std::error_code error;
    if (!fs::is_regular_file(setting, error))
      return Error(ErrorKind::kNotFound, "[" + who +
                                             "] expected the vendor's library where the setting says, got no file at " +
                                             setting + "; try an absolute path to " + join(vendor.patterns, " or "));
    candidates.add(setting, "setting");
    found();
    return {};
  }
  if (found()) return {};
  for (const fs::path& folder : search.extra) candidates.look_in(folder, "package");
  candidates.look_in(plugin.path().parent_path().parent_path() / "vendor" / vendor.name, "package");
  if (found()) return {};
  if (!vendor.toolchain.empty())
    for (const fs::path& site : site_packages(data_directory() / "toolchains" / vendor.toolchain / "venv"))
      candidates.look_in_packages(site, "toolchain");
  if (found()) return {};
  for (const fs::path& site : python_folders()) candidates.look_in_packages(site, "site-packages");
  if (found()) return {};
  for (const fs::path& folder : system_folders()) candidates.look_in(folder, "system");
  if (found() || !candidates.found().empty()) return {};
  std::string places;
  for (const fs::path& place : candidates.places()) places += (places.empty() ? "" : ", ") + place.string();
  return Error(ErrorKind::kUnsupported, "[" + who + "] expected the vendor's library " + join(vendor.patterns, " or ") +
                                            ", got none in " + places + remedy(plugin, vendor));
}

}  // namespace

Result<std::vector<VendorLibrary>> find_vendor_libraries(const Plugin& plugin, const VendorSearch& search) {
  std::vector<VendorLibrary> all;
  SPEEDSTER_TRY(visit_libraries(plugin, search, [&](const VendorLibrary& library) {
    all.push_back(library);
    return false;
  }));
  return all;
}

Result<VendorLibrary> find_vendor_library(const Plugin& plugin, const VendorSearch& search) {
  VendorLibrary first;
  SPEEDSTER_TRY(visit_libraries(plugin, search, [&](const VendorLibrary& library) {
    first = library;
    return true;
  }));
  return first;
}

Result<OpenedVendor> open_vendor(const std::shared_ptr<const Plugin>& plugin, const VendorSearch& search,
                                 const Options& options, Log log, const VersionCheck& check) {
  const std::string who = "backend/" + plugin->name();
  std::vector<std::string> refused;
  std::optional<Error> only;
  std::optional<OpenedVendor> opened;
  const auto opens = [&](const VendorLibrary& library) {
    Options with = options;
    if (!library.path.empty()) with["library"] = library.path.string();
    const std::string place = library.path.empty() ? plugin->path().string() : library.path.string();
    auto refuse = [&](Error why) {
      refused.push_back(place + " (" + library.source + "): " + why.full_message());
      log.debug("[" + who + "] passed over " + refused.back());
      only = std::move(why);
      return false;
    };
    auto instance = Instance::open(plugin, with, log);
    if (!instance) return refuse(std::move(instance).error());
    auto probe = instance->probe();
    if (!probe) return refuse(std::move(probe).error());
    const std::string version = probe->value("version", Json("")).is_string() ? probe->value("version", "") : "";
    if (const auto usable = probe->find("usable");
        usable == probe->end() || !usable->is_boolean() || !usable->get<bool>()) {
      const auto reason = probe->find("reason");
      return refuse(Error(ErrorKind::kUnsupported, reason != probe->end() && reason->is_string()
                                                       ? reason->get<std::string>()
                                                       : "the vendor is not usable here"));
    }
    if (const std::string unfit = check ? check(version) : std::string(); !unfit.empty())
      return refuse(Error(ErrorKind::kVersion, "version " + version + ", " + unfit));
    opened = OpenedVendor{std::move(*instance), library, version, std::move(*probe), {}};
    return true;
  };
  SPEEDSTER_TRY(visit_libraries(*plugin, search, opens));
  if (opened) {
    opened->refused = std::move(refused);
    return *std::move(opened);
  }
  const ErrorKind kind = only->kind();
  const auto described = plugin->description().find("vendor");
  std::string advice;
  if (described != plugin->description().end())
    if (const auto vendor = read_vendor(*described, who)) advice = remedy(*plugin, *vendor);
  return Error(kind, "[" + who + "] expected a vendor's library that fits, got " + join(refused, "; ") + advice);
}

}  // namespace speedster::backend
