#include "learner/learner.h"

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "learner/vendor_cache.h"
#include "package/trust.h"
#include "package/writer.h"

namespace speedster::learner {
namespace {

constexpr std::string_view kWho = "learner";
/// Of plug-ins whose vendor keeps what it makes of a model: the folder for it.
constexpr const char* kCacheOption = "cache_dir";

Error unmet(std::string reason) { return {ErrorKind::kUnsupported, std::move(reason)}; }

/// Failures that another variant would not mend, or must not hide.
bool ends_the_search(ErrorKind kind) {
  return kind == ErrorKind::kCorrupt || kind == ErrorKind::kUsage || kind == ErrorKind::kCancelled;
}

/// The backend's index of each tensor of the signature, matched by name; dtype and rank must be the same.
Result<std::vector<std::uint32_t>> map_tensors(const std::vector<TensorSpec>& wanted,
                                               const std::vector<TensorSpec>& offered) {
  std::vector<std::uint32_t> map;
  for (const TensorSpec& spec : wanted) {
    const auto it =
        std::find_if(offered.begin(), offered.end(), [&](const TensorSpec& o) { return o.name == spec.name; });
    const bool fits = it != offered.end() && it->dtype == spec.dtype &&
                      (it->unknown_rank || spec.unknown_rank || it->axes.size() == spec.axes.size());
    if (!fits)
      return unmet("expected the tensor " + describe(spec) + " of the backend, got " +
                   (it == offered.end() ? "none of that name" : describe(*it)));
    map.push_back(static_cast<std::uint32_t>(it - offered.begin()));
  }
  return map;
}

/// A package may come from anybody: it chooses how its model runs, not which files of this machine a vendor uses.
Result<void> check_own_options(const backend::Plugin& plugin, const package::Variant& variant) {
  for (const auto& [key, value] : variant.options)
    if (backend::caller_only(plugin, key))
      return Error(ErrorKind::kBadInput, "expected no option \"" + key +
                                             "\" from a package, as it names a file or folder of this machine, got \"" +
                                             value.substr(0, 200) + "\"; try to give it yourself if it is wanted");
  return {};
}

/// A plug-in's options with those that the learner decides, where it has them: threads as judged, but no more than
/// there are cores.
backend::Options session_options(const backend::Plugin& plugin, const package::Variant& variant,
                                 const LoadOptions& options, int usable_cores) {
  backend::Options session(variant.options.begin(), variant.options.end());
  for (const char* key : {"threads", "inter_threads", "streams"})
    if (const auto asked = session.find(key); asked != session.end())
      if (const auto count = parse_number<int>(asked->second); !count || *count > usable_cores)
        asked->second = std::to_string(usable_cores);
  const int threads = options.threads > 0 ? options.threads : std::min(variant.threads, usable_cores);
  if (threads > 0 && backend::declares(plugin, "threads")) session["threads"] = std::to_string(threads);
  if (backend::declares(plugin, "contexts")) session["contexts"] = std::to_string(options.contexts);
  for (const auto& [key, value] : options.options) session[key] = value;
  return session;
}

/// Digest over all that what a vendor makes of a payload depends on.
std::string cache_key(const package::Manifest& manifest, const package::Variant& variant,
                      const hardware::Machine& machine, const backend::OpenedVendor& vendor,
                      const backend::Options& options) {
  Sha256 key;
  key.field(package::payload_digest(manifest, variant)).field(hardware::fingerprint(machine));
  key.field(variant.backend).field(vendor.version);
  for (const auto& [name, value] : options) key.field(name).field(value);
  return key.hex();
}

/// Loads with what the vendor kept of an earlier load, or so that it keeps it. Nothing where that cannot be used or
/// kept: a cache never makes a load fail.
std::optional<backend::Model> load_cached(const backend::OpenedVendor& vendor, const fs::path& payload,
                                          backend::Options options, const std::string& key, const Log& log,
                                          CacheUse& use) {
  std::optional<VendorCache> cache = VendorCache::open(key);
  if (!cache) return std::nullopt;
  options[kCacheOption] = cache->blobs().string();
  auto model = vendor.instance.load(payload, options);
  if (!model) {
    log.info("[learner] loading without the vendor's cache: " + model.error().full_message());
    if (model.error().kind() != ErrorKind::kOutOfMemory) cache->drop();
    return std::nullopt;
  }
  if (cache->filled())
    use = CacheUse::kUsed;
  else if (cache->keep())
    use = CacheUse::kKept;
  return std::move(*model);
}

}  // namespace

Result<std::shared_ptr<const Learner>> Learner::load(const std::filesystem::path& package, const LoadOptions& options) {
  SPEEDSTER_ASSIGN(package::LoadedManifest read, package::read_manifest(package));
  if (!options.manifest_sha256.empty() && options.manifest_sha256 != read.sha256)
    return Error(ErrorKind::kCorrupt, "[learner] expected the manifest digest " + options.manifest_sha256 + ", got " +
                                          read.sha256 + " in " + package.string() +
                                          "; try a fresh copy of the package, or that digest");
  if (!read.manifest.entries.contains(options.entry)) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : read.manifest.entries) names.push_back(name);
    return Error(ErrorKind::kNotFound, "[learner] expected an entry point of " + join(names, ", ") + ", got \"" +
                                           options.entry + "\"; try one of them");
  }
  std::error_code error;
  auto learner = std::make_shared<Learner>();
  learner->package_ = fs::canonical(package, error);
  if (error) return errno_error(error.value(), kWho, "a package", package);
  learner->manifest_ = std::move(read.manifest);
  learner->manifest_sha256_ = std::move(read.sha256);
  learner->entry_name_ = options.entry;
  learner->machine_ = hardware::probe(options.hide_isa);
  SPEEDSTER_TRY(learner->load_first(options));
  return std::shared_ptr<const Learner>(std::move(learner));
}

Result<void> Learner::load_first(const LoadOptions& options) {
  const std::vector<package::Variant>& variants = entry().variants;
  std::optional<Error> last;
  std::size_t tried = 0;
  for (const std::size_t index : package::load_order(variants, machine_)) {
    variant_ = index;
    const package::Variant& variant = variants[index];
    if (!options.require_variant.empty() && variant.name != options.require_variant) continue;
    ++tried;
    auto loaded = load_variant(variant, options);
    if (loaded) {
      loaded_ = std::move(*loaded);
      const auto judged = variant.measured.find("fingerprint");
      if (judged != variant.measured.end() && judged->is_string() && *judged != hardware::fingerprint(machine_))
        options.log.info("[learner] \"" + variant.name + "\" was judged on another machine; try `speedster verify`");
      return {};
    }
    last = std::move(loaded).error();
    if (ends_the_search(last->kind())) break;
    passed_over_.push_back({variant.name, last->full_message()});
    options.log.warning("[learner] passed over \"" + variant.name + "\": " + last->full_message());
  }
  if (tried == 0) {
    std::vector<std::string> names;
    for (const package::Variant& variant : variants) names.push_back(variant.name);
    return Error(ErrorKind::kNotFound,
                 "[learner] expected a variant of " + join(names, ", ") + ", got \"" + options.require_variant + "\"");
  }
  if (tried == 1 || ends_the_search(last->kind())) {
    const std::string name = ends_the_search(last->kind()) ? variants[variant_].name : passed_over_.front().variant;
    return std::move(*last).wrap("[learner] expected \"" + name + "\" of " + package_.string() + " to load");
  }
  std::string reasons;
  for (const PassedOver& passed : passed_over_)
    reasons += (reasons.empty() ? "" : "; ") + passed.variant + ": " + passed.reason;
  return Error(ErrorKind::kUnsupported, "[learner] expected a variant of \"" + entry_name_ +
                                            "\" that this machine can run, got none: " + reasons +
                                            "; try `speedster doctor`");
}

Result<Learner::Loaded> Learner::load_variant(const package::Variant& variant, const LoadOptions& options) const {
  if (auto reason = package::unmet_need(variant.needs, machine_)) return unmet(std::move(*reason));
  if (variant.kind == package::PayloadKind::kCode && !options.allow_code && !package::made_here(manifest_, variant))
    return Error(
        ErrorKind::kPermission,
        "its payload is code that this machine did not make; try the option allow_code if you trust its maker");
  SPEEDSTER_ASSIGN(backend::Plugin found, backend::find_plugin(variant.backend, options.backend_path));
  const auto plugin = std::make_shared<const backend::Plugin>(std::move(found));
  // What the package asks for and this plug-in does not know is the package's affair: another variant may do.
  const backend::Options own(variant.options.begin(), variant.options.end());
  if (auto known = backend::options_of_scope(*plugin, own, "load"); !known)
    return std::move(known).error().wrap_as(ErrorKind::kUnsupported,
                                            "its options are not all known to this release's plug-in");
  SPEEDSTER_TRY(check_own_options(*plugin, variant));
  Loaded loaded;
  loaded.options = session_options(*plugin, variant, options, machine_.usable_cores);
  SPEEDSTER_ASSIGN(const backend::Options open_options, backend::options_of_scope(*plugin, loaded.options, "open"));
  SPEEDSTER_ASSIGN(backend::Options load_options, backend::options_of_scope(*plugin, loaded.options, "load"));
  SPEEDSTER_ASSIGN(loaded.context_options, backend::options_of_scope(*plugin, loaded.options, "context"));
  SPEEDSTER_TRY(package::check_payload(package_, manifest_, variant));
  SPEEDSTER_ASSIGN(const fs::path payload, inside(package_, variant.payload, kWho));

  backend::VendorSearch search;
  if (const auto setting = options.vendor_library.find(variant.backend); setting != options.vendor_library.end())
    search.setting = setting->second;
  SPEEDSTER_ASSIGN(loaded.vendor,
                   backend::open_vendor(plugin, search, open_options, options.log, [&](std::string_view version) {
                     return package::unmet_version(variant.needs, version);
                   }));
  std::optional<backend::Model> cached;
  if (backend::declares(*plugin, kCacheOption)) {
    const std::string key = cache_key(manifest_, variant, machine_, loaded.vendor, load_options);
    const auto given = load_options.find(kCacheOption);
    if (given != load_options.end() && !given->second.empty())
      given->second = (fs::path(given->second) / key).string();  // a plug-in's folder is that of one model
    else if (given == load_options.end() && options.vendor_cache)
      cached = load_cached(loaded.vendor, payload, load_options, key, options.log, loaded.cache_use);
  }
  if (cached) {
    loaded.model = std::move(*cached);
  } else {
    SPEEDSTER_ASSIGN(loaded.model, loaded.vendor.instance.load(payload, load_options));
  }
  const std::vector<std::string> entries = loaded.model.entries();
  // A payload of one function may call it what it likes.
  if (entries.size() > 1 || (!entries.empty() && entries.front() == entry_name_)) {
    SPEEDSTER_ASSIGN(loaded.entry, loaded.model.entry(entry_name_));
  }
  SPEEDSTER_ASSIGN(const Signature offered, loaded.model.signature(loaded.entry));
  SPEEDSTER_ASSIGN(loaded.input_map, map_tensors(signature().inputs, offered.inputs));
  SPEEDSTER_ASSIGN(loaded.output_map, map_tensors(signature().outputs, offered.outputs));
  return loaded;
}

Result<Json> Learner::info() const {
  SPEEDSTER_ASSIGN(const Json stats, loaded_->model.stats());
  auto stat = [&](const char* key, Json fallback) { return stats.contains(key) ? stats[key] : std::move(fallback); };
  const backend::OpenedVendor& vendor = loaded_->vendor;
  Json info = Json::object();
  info["package"] = package_.string();
  info["manifest_sha256"] = manifest_sha256_;
  info["entry"] = entry_name_;
  info["variant"] = variant().name;
  info["passed_over"] = Json::array();
  for (const PassedOver& passed : passed_over_)
    info["passed_over"].push_back({{"variant", passed.variant}, {"reason", passed.reason}});
  info["backend"] = variant().backend;
  info["format"] = variant().format;
  info["precision"] = stat("precision", "unknown");
  info["judged_precision"] = variant().precision;
  info["threads"] = stat("threads", 0);
  info["judged_threads"] = variant().threads;
  info["vendor_version"] = stat("vendor_version", vendor.version);
  info["vendor_library"] = vendor.library.path.string();
  info["vendor_source"] = vendor.library.source;
  info["options"] = loaded_->options;
  static constexpr const char* kCacheUses[] = {"none", "kept", "used"};
  info["vendor_cache"] = kCacheUses[static_cast<int>(loaded_->cache_use)];
  const auto judged = variant().measured.find("fingerprint");
  const bool known = judged != variant().measured.end() && judged->is_string();
  info["judged_here"] = known ? Json(*judged == hardware::fingerprint(machine_)) : Json(nullptr);
  info["nodes"] = stat("nodes", Json::object());
  info["bytes"] = stat("bytes", 0);
  return info;
}

}  // namespace speedster::learner
