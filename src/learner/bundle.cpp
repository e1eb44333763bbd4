#include "learner/bundle.h"

#include <speedster/version.h>

#include <algorithm>

#include "base/digest.h"
#include "base/folder_output.h"
#include "base/text.h"
#include "learner/closure.h"
#include "learner/example_inputs.h"
#include "learner/program.h"
#include "learner/target.h"
#include "package/writer.h"

namespace speedster::learner {
namespace {

constexpr const char* kSbom = "sbom.spdx.json";
constexpr const char* kProgram = "speedster-run";
constexpr std::uint64_t kMaxSbomBytes = std::uint64_t{16} << 20U;

constexpr const char* kWho = "bundle";

Error expected(ErrorKind kind, const std::string& rest) {
  return {kind, std::string("[") + kWho + "] expected " + rest};
}

/// What a library or a wheel says of itself names a file here only where it cannot lead elsewhere.
bool plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

bool is_bundle(const fs::path& folder) {
  const Result<std::string> text = read_file(folder / kSbom, kMaxSbomBytes);
  const Result<Json> json = text ? parse_json(*text, "bundle") : text.error();
  if (!json || !describes_bundle(*json)) return false;
  // The package's folder has any name.
  std::set<std::string> names = {"bin", "lib", "licenses", "README.txt", kSbom};
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (fs::exists(it->path() / package::kManifestFile, error)) names.insert(it->path().filename().string());
  return holds_only(folder, names);
}

/// speedster-run of the installation (or build tree) that this code belongs to.
Result<fs::path> find_program() {
  const fs::path own = backend::own_folder();
  std::error_code error;
  for (const fs::path& folder : {own, own.parent_path() / "bin", own.parent_path().parent_path() / "bin"})
    if (fs::path file = fs::canonical(folder / kProgram, error); !error) return file;
  return expected(ErrorKind::kNotFound, std::string("the program ") + kProgram +
                                            " beside this installation's libraries, got none near " + own.string() +
                                            "; try an installation with the runtime component");
}

/// The .npy form of a tensor (version 1.0 of the format); empty where numpy has no such dtype.
std::string to_npy(const Tensor& tensor) {
  const std::string_view descr = info(tensor.dtype()).numpy;
  if (descr.empty()) return {};
  std::string header = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t extent : tensor.shape()) header += std::to_string(extent) + ", ";
  header += "), }";
  header.resize((header.size() + 10 + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string npy("\x93NUMPY\x01\x00", 8);
  npy += static_cast<char>(header.size() & 255U);
  npy += static_cast<char>(header.size() >> 8U);
  npy += header;
  return npy.append(static_cast<const char*>(tensor.data()), tensor.bytes());
}

/// A backend that goes along.
struct UsedBackend {
  std::string name;
  fs::path plugin;
  std::string vendor_name;  ///< empty for a backend that needs none
  fs::path vendor_library;
};

class Bundler {
 public:
  Bundler(fs::path package, const fs::path& target, const BundleOptions& options)
      : package_(std::move(package)), target_(target), options_(options) {}

  Result<BundleReport> run() {
    SPEEDSTER_TRY(open());
    SPEEDSTER_TRY(load_variants());
    SPEEDSTER_TRY(choose_files());
    SPEEDSTER_TRY(copy_package());
    SPEEDSTER_TRY(copy_files());
    SPEEDSTER_TRY(add_compiled_in());
    SPEEDSTER_TRY(write_file(root() / "README.txt", readme()));
    SPEEDSTER_TRY(write_file(root() / kSbom,
                             to_text(spdx_document(folder_->target().filename().string(), report_.parts), 2) + "\n"));
    SPEEDSTER_TRY(go_on(options_.cancel, kWho));
    SPEEDSTER_TRY(try_it());
    SPEEDSTER_TRY(go_on(options_.cancel, kWho));
    report_.bytes = directory_size(root());
    SPEEDSTER_TRY(folder_->commit());
    report_.directory = folder_->target();
    return std::move(report_);
  }

 private:
  const fs::path& root() const { return folder_->path(); }

  Result<void> open() {
    SPEEDSTER_ASSIGN(folder_, FolderOutput::create(target_, {kWho, "a bundle", is_bundle}));
    SPEEDSTER_ASSIGN(read_, package::read_manifest(package_));
    SPEEDSTER_TRY(package::check_all(package_, read_.manifest));
    std::error_code error;
    package_ = fs::canonical(package_, error);
    if (error) return errno_error(error.value(), "bundle", "a package", package_);
    SPEEDSTER_ASSIGN(program_, find_program());
    report_.package = package_.filename().string();
    return {};
  }

  /// Loads and runs each variant that can be, so that what its vendor opens late is open when we look.
  Result<void> load_variants() {
    const auto entry = read_.manifest.entries.find(options_.load.entry);
    if (entry == read_.manifest.entries.end())
      return expected(ErrorKind::kNotFound, "an entry point of the package, got \"" + options_.load.entry + "\"");
    std::string reasons;
    for (const package::Variant& variant : entry->second.variants) {
      if (!options_.load.require_variant.empty() && variant.name != options_.load.require_variant) continue;
      SPEEDSTER_TRY(go_on(options_.cancel, kWho));
      LoadOptions load = options_.load;
      load.require_variant = variant.name;
      load.vendor_cache = false;  // a load from it opens fewer of the vendor's files
      auto learner = Learner::load(package_, load);
      auto inputs = learner ? example_inputs(**learner) : Result<std::vector<NamedTensor>>(learner.error());
      auto ran = inputs ? run_once(*learner, *inputs) : Result<void>(inputs.error());
      if (!ran) {
        if (ran.error().kind() == ErrorKind::kUsage || ran.error().kind() == ErrorKind::kCorrupt) return ran;
        reasons += (reasons.empty() ? "" : "; ") + variant.name + ": " + ran.error().full_message();
        options_.load.log.warning("[bundle] left out what \"" + variant.name +
                                  "\" needs: " + ran.error().full_message());
        continue;
      }
      report_.variants.push_back(variant.name);
      if (inputs_.empty()) inputs_ = std::move(*inputs);
      use((*learner)->vendor());
      learners_.push_back(std::move(*learner));
    }
    if (!learners_.empty()) return {};
    return expected(ErrorKind::kUnsupported,
                    "a variant that runs here, got none" + (reasons.empty() ? "" : ": " + reasons));
  }

  void use(const backend::OpenedVendor& vendor) {
    const backend::Plugin& plugin = vendor.instance.plugin();
    if (std::find(report_.backends.begin(), report_.backends.end(), plugin.name()) != report_.backends.end()) return;
    report_.backends.push_back(plugin.name());
    const Json& description = plugin.description();
    const std::string name =
        description.contains("vendor") ? description["vendor"].value("name", plugin.name()) : std::string();
    used_.push_back({plugin.name(), plugin.path(), vendor.library.path.empty() ? "" : name, vendor.library.path});
  }

  /// Decides where each file goes; `places_` maps a source to its place in the bundle.
  Result<void> choose_files() {
    std::set<fs::path> base = {program_};
    for (const UsedBackend& used : used_) base.insert(used.plugin);
    SPEEDSTER_ASSIGN(const std::set<fs::path> base_closure, link_closure(base));
    for (const fs::path& file : base_closure) SPEEDSTER_TRY(place(file, "lib", "system"));
    for (const UsedBackend& used : used_) {
      places_[used.plugin] = {"lib/speedster/backends/" + used.plugin.filename().string(), "plug-in"};
      if (used.vendor_library.empty()) continue;
      const std::string folder = "lib/speedster/vendor/" + used.vendor_name;
      std::set<fs::path> own = {used.vendor_library};
      const fs::path home = used.vendor_library.parent_path();
      // A wheel's folder is the vendor's alone; a system's folder is everybody's.
      if (wheel_owner(used.vendor_library))
        for (const fs::path& file : loaded_files())
          if (file.parent_path() == home) own.insert(file);
      SPEEDSTER_ASSIGN(const std::set<fs::path> all, link_closure(own));
      for (const fs::path& file : all) {
        if (base_closure.contains(file)) continue;
        if (file.parent_path() == home)
          places_[file] = {folder + "/" + file.filename().string(), "vendor"};
        else
          SPEEDSTER_TRY(place(file, folder, "system"));
      }
    }
    places_[program_] = {"bin/run", "program"};
    return {};
  }

  /// Under the name by which others link it.
  Result<void> place(const fs::path& file, const std::string& folder, const std::string& kind) {
    SPEEDSTER_ASSIGN(const ElfInfo info, read_elf_file(file));
    const std::string name = plain_name(info.soname) ? info.soname : file.filename().string();
    const bool runtime = name.starts_with("libspeedster_runtime");
    places_[file] = {folder + "/" + name, runtime ? "runtime" : kind};
    if (runtime) runtime_name_ = name;
    return {};
  }

  Result<void> copy_package() {
    for (const auto& [path, record] : read_.manifest.files) SPEEDSTER_TRY(copy_packaged(path, record));
    SPEEDSTER_ASSIGN(const std::uint64_t bytes, speedster::file_size(package_ / package::kManifestFile));
    return copy_packaged(package::kManifestFile, {read_.sha256, bytes});
  }
  Result<void> copy_packaged(const std::string& path, const package::FileRecord& record) {
    SPEEDSTER_TRY(go_on(options_.cancel, kWho));
    const std::string place = report_.package + "/" + path;
    SPEEDSTER_TRY(make_directories((root() / place).parent_path()));
    SPEEDSTER_TRY(speedster::copy_file(package_ / path, root() / place));
    report_.parts.push_back(
        {place, "package", report_.package, read_.manifest.speedster, "", record.sha256, record.bytes});
    return {};
  }

  Result<void> copy_files() {
    for (const auto& [source, place] : places_) {
      SPEEDSTER_TRY(go_on(options_.cancel, kWho));
      const fs::path to = root() / place.path;
      SPEEDSTER_TRY(make_directories(to.parent_path()));
      SPEEDSTER_TRY(speedster::copy_file(source, to));
      std::error_code error;
      fs::permissions(to, fs::perms(0755), error);
      SPEEDSTER_ASSIGN(const ElfInfo info, read_elf_file(to));
      // Whoever links it asks for the soname, whatever the file is called.
      if (plain_name(info.soname) && info.soname != to.filename()) {
        fs::create_symlink(to.filename(), to.parent_path() / info.soname, error);
        if (error && error != std::errc::file_exists)
          return errno_error(error.value(), "bundle", "a link", to.parent_path() / info.soname);
      }
      if (const auto glibc = lowest_glibc(info); glibc && package::compare_versions(*glibc, report_.lowest_glibc) > 0)
        report_.lowest_glibc = *glibc;
      SPEEDSTER_TRY(record(source, place.path, place.kind));
    }
    std::error_code ignored;
    if (!runtime_name_.empty()) fs::create_symlink(runtime_name_, root() / "lib/libspeedster_runtime.so", ignored);
    return {};
  }

  Result<void> record(const fs::path& source, const std::string& place, const std::string& kind) {
    BundlePart part{place, kind, source.filename().string(), "", "", "", 0};
    SPEEDSTER_ASSIGN(part.sha256, sha256_file(root() / place));
    SPEEDSTER_ASSIGN(part.bytes, speedster::file_size(root() / place));
    if (kind == "runtime" || kind == "plug-in" || kind == "program") {
      part.name = kind == "plug-in"   ? place.substr(place.rfind('/') + 1)
                  : kind == "runtime" ? "libspeedster_runtime"
                                      : kProgram;
      part.version = SPEEDSTER_VERSION_STRING;
      part.licence = "Apache-2.0";
    } else if (auto owner = owner_of(source)) {
      part.name = owner->name;
      part.version = owner->version;
      part.licence = owner->licence;
      for (const fs::path& licence : owner->licence_files) SPEEDSTER_TRY(add_licence(licence, owner->name));
    }
    report_.parts.push_back(std::move(part));
    return {};
  }

  static std::optional<Owner> owner_of(const fs::path& file) {
    if (auto wheel = wheel_owner(file)) return wheel;
    return debian_owner(file);
  }

  Result<void> add_licence(const fs::path& file, const std::string& owner) {
    const fs::path folder = root() / "licenses" / (plain_name(owner) ? owner : "unnamed");
    SPEEDSTER_TRY(make_directories(folder));
    SPEEDSTER_ASSIGN(const std::string text, read_file(file));
    fs::path to = folder / file.filename();
    // Two texts of one name are both kept.
    for (int i = 2; fs::exists(to); ++i) {
      const auto there = read_file(to);
      if (there.ok() && *there == text) return {};
      to = folder / (file.filename().string() + "." + std::to_string(i));
    }
    return write_file(to, text);
  }

  /// Our own licence and that of what is compiled into our libraries.
  Result<void> add_compiled_in() {
    const std::string json_version = std::to_string(NLOHMANN_JSON_VERSION_MAJOR) + "." +
                                     std::to_string(NLOHMANN_JSON_VERSION_MINOR) + "." +
                                     std::to_string(NLOHMANN_JSON_VERSION_PATCH);
    report_.parts.push_back({"", "compiled-in", "nlohmann-json", json_version, "MIT", "", 0});
    const fs::path installed = program_.parent_path().parent_path() / "share/speedster/licenses";
    for (const char* name : {"speedster", "nlohmann-json"}) {
      const fs::path file = installed / name / "LICENSE";
      std::error_code error;
      if (!fs::is_regular_file(file, error))
        return expected(ErrorKind::kNotFound, "the licence of " + std::string(name) + " at " + file.string() +
                                                  ", got none; try a whole installation");
      SPEEDSTER_TRY(add_licence(file, name));
    }
    return {};
  }

  std::string readme() const {
    return report_.package +
           " with all that runs it: no Python, nothing installed.\n\n"
           "  bin/run " +
           report_.package +
           " [INPUT=FILE.npy ...]\n\n"
           "loads it and prints the outputs (for zeros where no file is given). The folder may be moved. It needs "
           "Linux on the\n"
           "same kind of processor and glibc " +
           report_.lowest_glibc + " or newer. Backends inside: " + join(report_.backends, ", ") +
           ".\n\n"
           "An application links lib/libspeedster_runtime.so and opens the package by its path; plug-ins and vendors'\n"
           "libraries are found relative to that library. lib/ also holds libstdc++, libgcc_s and libcrypto of the "
           "machine\n"
           "that made the bundle: delete those that the target has in a newer version.\n\n"
           "licenses/ has the licences, " +
           std::string(kSbom) + " lists every part with version, digest and licence (SPDX 2.3).\n";
  }

  /// Runs the bundle as its user would on another machine. Only the cache folder is given, to leave no trace here.
  Result<void> try_it() {
    SPEEDSTER_ASSIGN(const TempDir temporary, TempDir::create("speedster-bundle-"));
    const fs::path& scratch = temporary.path();
    Program program{{(root() / "bin/run").string(), (root() / report_.package).string()},
                    {"SPEEDSTER_CACHE_DIR=" + (scratch / "cache").string()},
                    scratch / "output.txt",
                    options_.run_seconds};
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const std::string npy = to_npy(inputs_[i].tensor);
      if (npy.empty()) continue;
      const fs::path file = scratch / (std::to_string(i) + ".npy");
      SPEEDSTER_TRY(write_file(file, npy));
      program.arguments.push_back(inputs_[i].name + "=" + file.string());
    }
    auto status = run_program(program);
    const auto output = read_file(program.output, std::uint64_t{1} << 20U);
    const std::string said = output.ok() ? std::string(trim(*output)) : std::string();
    if (!status)
      return std::move(status).error().wrap("[bundle] expected the finished bundle to run, got \"" +
                                            said.substr(0, 2000) + "\"");
    if (*status != 0)
      return expected(ErrorKind::kVendor, "the finished bundle to run in an empty environment, got status " +
                                              std::to_string(*status) + ": " + said.substr(0, 2000));
    return {};
  }

  struct Place {
    std::string path, kind;
  };

  fs::path package_, target_, program_;
  const BundleOptions& options_;
  package::LoadedManifest read_;
  std::optional<FolderOutput> folder_;
  std::vector<std::shared_ptr<const Learner>> learners_;
  std::vector<NamedTensor> inputs_;
  std::vector<UsedBackend> used_;
  std::map<fs::path, Place> places_;
  std::string runtime_name_;
  BundleReport report_;
};

}  // namespace

Result<BundleReport> bundle(const fs::path& package, const fs::path& directory, const BundleOptions& options) {
  return Bundler(package, directory, options).run();
}

Json to_json(const BundleReport& report) {
  Json json = {{"directory", report.directory.string()},
               {"package", report.package},
               {"backends", report.backends},
               {"variants", report.variants},
               {"lowest_glibc", report.lowest_glibc},
               {"bytes", report.bytes}};
  json["parts"] = Json::array();
  for (const BundlePart& part : report.parts)
    json["parts"].push_back({{"file", part.file},
                             {"kind", part.kind},
                             {"name", part.name},
                             {"version", part.version},
                             {"licence", part.licence},
                             {"sha256", part.sha256},
                             {"bytes", part.bytes}});
  return json;
}

}  // namespace speedster::learner
