#include "backend/plugin.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <set>

#include "backend/sink.h"
#include "base/files.h"
#include "base/text.h"

namespace speedster::backend {
namespace {

constexpr std::string_view kPrefix = "libspeedster_backend_";
constexpr std::string_view kSuffix = ".so";
constexpr std::uint16_t kAbiMajor = 1;
/// A table of version 1.0, however much a later header adds.
constexpr std::size_t kTableBytes = offsetof(sp_backend, profile) + sizeof(sp_backend::profile);

ErrorKind kind_of(std::int32_t code) {
  switch (code) {
    case SP_INVALID: return ErrorKind::kBadInput;
    case SP_UNSUPPORTED: return ErrorKind::kUnsupported;
    case SP_NOT_FOUND: return ErrorKind::kNotFound;
    case SP_MEMORY: return ErrorKind::kOutOfMemory;
    case SP_CANCELLED: return ErrorKind::kCancelled;
    case SP_SHAPE: return ErrorKind::kBadInput;
    case SP_VENDOR: return ErrorKind::kVendor;
    default: return ErrorKind::kInternal;
  }
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Error refuse(const fs::path& library, std::string_view field, const std::string& expected, const std::string& got) {
  return {ErrorKind::kVersion, "[backend] expected " + std::string(field) + " " + expected + " of the plug-in " +
                                   library.string() + ", got " + got + "; try a plug-in of this release"};
}

/// What every plug-in must offer; the rest may be NULL.
Result<void> check_table(const sp_backend* table, const fs::path& library, std::string_view expected_name) {
  if (table == nullptr) return refuse(library, "a table", "from speedster_backend_v1()", "NULL");
  if (table->abi_major != kAbiMajor)
    return refuse(library, "abi_major", std::to_string(kAbiMajor), std::to_string(table->abi_major));
  if (table->size < kTableBytes)
    return refuse(library, "size", "of at least " + std::to_string(kTableBytes), std::to_string(table->size));
  if (table->name == nullptr || table->name != expected_name)
    return refuse(library, "name", "\"" + std::string(expected_name) + "\"",
                  table->name == nullptr ? "NULL" : "\"" + std::string(table->name) + "\"");
  const std::pair<const char*, bool> required[] = {{"describe", table->describe != nullptr},
                                                   {"open", table->open != nullptr},
                                                   {"close", table->close != nullptr},
                                                   {"probe", table->probe != nullptr},
                                                   {"load", table->load != nullptr},
                                                   {"close_model", table->close_model != nullptr},
                                                   {"entry", table->entry != nullptr},
                                                   {"signature", table->signature != nullptr},
                                                   {"stats", table->stats != nullptr},
                                                   {"open_context", table->open_context != nullptr},
                                                   {"close_context", table->close_context != nullptr},
                                                   {"bind_input", table->bind_input != nullptr},
                                                   {"bind_output", table->bind_output != nullptr},
                                                   {"execute", table->execute != nullptr},
                                                   {"output", table->output != nullptr}};
  for (const auto& [entry, there] : required)
    if (!there) return refuse(library, entry, "to be a function", "NULL");
  return {};
}

/// "libspeedster_backend_NAME.so" -> NAME, or nothing.
std::optional<std::string> plugin_name(const fs::path& library) {
  const std::string file = library.filename().string();
  if (!file.starts_with(kPrefix) || !file.ends_with(kSuffix) || file.size() <= kPrefix.size() + kSuffix.size())
    return std::nullopt;
  std::string name = file.substr(kPrefix.size(), file.size() - kPrefix.size() - kSuffix.size());
  if (!valid_name(name)) return std::nullopt;
  return name;
}

/// The scopes of an option: "load", "open,load" or an array of such words.
bool has_scope(const Json& option, std::string_view scope) {
  const auto it = option.find("scope");
  if (it == option.end()) return scope == "load";
  if (it->is_array())
    return std::any_of(it->begin(), it->end(), [&](const Json& word) { return word.is_string() && word == scope; });
  if (!it->is_string()) return false;
  const std::vector<std::string> words = split(it->get<std::string>(), ',');
  return std::find(words.begin(), words.end(), scope) != words.end();
}

/// What `describe` says of an option; null where it does not declare it.
const Json* declared_option(const Plugin& plugin, std::string_view key) {
  const auto options = plugin.description().find("options");
  if (options == plugin.description().end() || !options->is_object()) return nullptr;
  const auto option = options->find(std::string(key));
  return option == options->end() ? nullptr : &*option;
}

}  // namespace

Result<void> take_error(sp_error* error, std::string_view who) {
  if (error == nullptr) return {};
  std::string message = error->message == nullptr ? "failed without a message" : error->message;
  if (!message.starts_with('[')) message = "[" + std::string(who) + "] " + message;
  Error taken = Error(kind_of(error->code), std::move(message)).with_vendor_code(error->vendor_code);
  if (error->release != nullptr) error->release(error);
  return taken;
}

Result<Plugin> Plugin::open(const fs::path& library) {
  const auto name = plugin_name(library);
  if (!name)
    return Error(ErrorKind::kBadInput,
                 "[backend] expected a file named libspeedster_backend_NAME.so, got " + library.string());
  std::error_code error;
  const fs::path path = fs::canonical(library, error);
  if (error) return errno_error(error.value(), "backend", "a plug-in", library);
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    return Error(ErrorKind::kUnsupported,
                 "[backend/" + *name + "] expected a plug-in that loads, got " + (why == nullptr ? "no reason" : why));
  }
  void* symbol = ::dlsym(handle, "speedster_backend_v1");
  if (symbol == nullptr) return refuse(path, "the symbol", "speedster_backend_v1", "none");
  Plugin plugin;
  plugin.table_ = reinterpret_cast<decltype(&speedster_backend_v1)>(symbol)();
  SPEEDSTER_TRY(check_table(plugin.table_, path, *name));
  plugin.name_ = *name;
  plugin.path_ = path;
  const std::string who = "backend/" + *name;
  Sink sink;
  SPEEDSTER_TRY(take_error(plugin.table_->describe(sink.get()), who));
  SPEEDSTER_ASSIGN(plugin.description_, sink.json(who));
  SPEEDSTER_ASSIGN(const std::string said, json_string(plugin.description_, "name", who));
  if (said != *name) return refuse(path, "describe's name", "\"" + *name + "\"", "\"" + said + "\"");
  return plugin;
}

fs::path own_folder() {
  Dl_info symbol{};
  link_map* map = nullptr;
  const auto* here = reinterpret_cast<const void*>(&own_folder);
  if (::dladdr1(here, &symbol, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || map == nullptr) return {};
  std::error_code error;
  // The main program has no name in its link map.
  const fs::path file = map->l_name == nullptr || *map->l_name == '\0' ? fs::read_symlink("/proc/self/exe", error)
                                                                       : fs::canonical(map->l_name, error);
  return error ? fs::path() : file.parent_path();
}

std::vector<fs::path> plugin_folders(std::string_view override) {
  const std::string given = override.empty() ? environment("SPEEDSTER_BACKEND_PATH") : std::string(override);
  std::vector<fs::path> folders;
  for (const std::string& folder : split(given, ':'))
    if (!folder.empty()) folders.emplace_back(folder);
  if (!given.empty()) return folders;
  const fs::path own = own_folder();
  if (own.empty()) return folders;
  // lib/libX.so, bin/X, lib/<architecture>/libX.so
  for (const fs::path& base : {own, own.parent_path() / "lib", own.parent_path()})
    folders.push_back(base / "speedster" / "backends");
  return folders;
}

Result<Plugin> find_plugin(std::string_view name, std::string_view override) {
  if (!valid_name(name))
    return Error(ErrorKind::kBadInput,
                 "[backend] expected a name of a-z, 0-9 and _, got \"" + std::string(name) + "\"");
  std::string places;
  for (const fs::path& folder : plugin_folders(override)) {
    const fs::path library = folder / (std::string(kPrefix) + std::string(name) + std::string(kSuffix));
    std::error_code error;
    if (fs::is_regular_file(library, error)) return Plugin::open(library);
    places += (places.empty() ? "" : ", ") + folder.string();
  }
  const std::vector<std::string> known = list_plugins(override);
  return Error(ErrorKind::kNotFound, "[backend] expected the plug-in \"" + std::string(name) + "\" in " +
                                         (places.empty() ? "a folder" : places) + ", got " +
                                         (known.empty() ? "no plug-ins" : "only " + join(known, ", ")) +
                                         "; try SPEEDSTER_BACKEND_PATH");
}

std::vector<std::string> list_plugins(std::string_view override) {
  std::set<std::string> names;
  for (const fs::path& folder : plugin_folders(override)) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (auto name = plugin_name(it->path())) names.insert(*name);
  }
  return {names.begin(), names.end()};
}

Result<Options> options_of_scope(const Plugin& plugin, const Options& options, std::string_view scope) {
  const auto declared = plugin.description().find("options");
  const bool any = declared != plugin.description().end() && declared->is_object();
  Options chosen;
  for (const auto& [key, value] : options) {
    if (!any || !declared->contains(key)) {
      std::vector<std::string> known;
      if (any)
        for (const auto& item : declared->items()) known.push_back(item.key());
      return Error(ErrorKind::kUsage, "[backend/" + plugin.name() + "] expected an option of " +
                                          (known.empty() ? "none" : join(known, ", ")) + ", got \"" + key + "\"");
    }
    if (has_scope((*declared)[key], scope)) chosen.emplace(key, value);
  }
  return chosen;
}

bool declares(const Plugin& plugin, std::string_view key) { return declared_option(plugin, key) != nullptr; }

bool caller_only(const Plugin& plugin, std::string_view key) {
  if (key == "library") return true;
  const Json* option = declared_option(plugin, key);
  return option != nullptr && option->is_object() && option->value("caller_only", Json(false)) == Json(true);
}

}  // namespace speedster::backend
