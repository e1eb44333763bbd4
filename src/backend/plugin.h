/// C++ over the plug-in interface of backend.h: opens plug-ins, finds vendors' libraries, turns errors into values.
/// Plug-ins and vendor libraries are never unloaded.
#pragma once
#include <speedster/backend.h>
#include <speedster/error.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "model/signature.h"

namespace speedster::backend {

using Options = std::map<std::string, std::string, std::less<>>;

/// Takes ownership of an sp_error; NULL is success. `who` becomes the prefix "[who]" where the message has none.
Result<void> take_error(sp_error* error, std::string_view who);

/// A loaded plug-in: its table and what `describe` says.
class Plugin {
 public:
  /// Opens the shared object and checks the ABI version before anything else is called.
  static Result<Plugin> open(const std::filesystem::path& library);
  const sp_backend& table() const { return *table_; }
  const std::string& name() const { return name_; }
  const Json& description() const { return description_; }
  const std::filesystem::path& path() const { return path_; }
  /// True where the table is long enough to hold this entry and the entry is not NULL.
  template <typename Member>
  bool supports(Member sp_backend::* member) const {
    const sp_backend probe{};
    const auto offset = reinterpret_cast<const char*>(&(probe.*member)) - reinterpret_cast<const char*>(&probe);
    return static_cast<std::size_t>(offset) + sizeof(Member) <= table_->size && table_->*member != nullptr;
  }

 private:
  const sp_backend* table_ = nullptr;
  std::string name_;
  Json description_;
  std::filesystem::path path_;
};

/// The folder of the library or executable that this code is in; empty if that cannot be told.
std::filesystem::path own_folder();
/// Folders that hold libspeedster_backend_NAME.so: `override` (':'-separated) if given, else SPEEDSTER_BACKEND_PATH,
/// else speedster/backends beside the library or executable that this code is in, or in the lib/ next to its folder.
std::vector<std::filesystem::path> plugin_folders(std::string_view override = {});
Result<Plugin> find_plugin(std::string_view name, std::string_view override = {});
/// The names of all plug-ins in the folders, sorted.
std::vector<std::string> list_plugins(std::string_view override = {});

/// Where a vendor's library was found, and how (vendor.h has the order).
struct VendorLibrary {
  std::filesystem::path path;  ///< absolute; empty for a plug-in that needs none
  std::string source;          ///< "mapped" "setting" "package" "toolchain" "site-packages" "system" "none"
};
struct VendorSearch {
  std::string setting;                       ///< path given by the caller, else SPEEDSTER_<NAME>_LIBRARY
  std::vector<std::filesystem::path> extra;  ///< folders to look in first (a bundle's own)
};
/// Looks for the library that `describe` names under "vendor" (file name patterns, site-packages folders). Kind
/// unsupported where there is none, with the places looked at and the command that would install it; not found where a
/// setting names no file. vendor.h offers all candidates and opens them.
Result<VendorLibrary> find_vendor_library(const Plugin& plugin, const VendorSearch& search);

/// The options of one scope ("open", "load", "context") as `describe` declares them. A key that the plug-in does not
/// declare for any scope is an error of kind usage that lists the known ones.
Result<Options> options_of_scope(const Plugin& plugin, const Options& options, std::string_view scope);
/// Whether `describe` names the option, for any scope.
bool declares(const Plugin& plugin, std::string_view key);
/// Whether only who loads a package may give the option, not the package: `library`, and what `describe` says is
/// "caller_only" (it names a file or folder of this machine).
bool caller_only(const Plugin& plugin, std::string_view key);

class Context;
class Model;

/// The vendor's library, opened once.
class Instance {
 public:
  static Result<Instance> open(std::shared_ptr<const Plugin> plugin, const Options& options, Log log);
  const Plugin& plugin() const;
  Result<Json> probe() const;
  /// `format` is "onnx", "openvino-ir", …; what was written is in the answer ("files", "kind", "needs").
  Result<Json> compile(const std::filesystem::path& model, std::string_view format, const Options& options,
                       const std::filesystem::path& directory, const sp_token* token = nullptr) const;
  Result<Model> load(const std::filesystem::path& artifact, const Options& options,
                     const sp_token* token = nullptr) const;

 private:
  friend class Model;
  struct State;
  std::shared_ptr<State> state_;
};

/// Immutable weights; keeps its instance alive.
class Model {
 public:
  std::vector<std::string> entries() const;
  Result<std::uint32_t> entry(std::string_view name) const;
  Result<Signature> signature(std::uint32_t entry = 0) const;
  Result<Json> stats() const;
  Result<Context> open_context(std::uint32_t entry = 0, const Options& options = {}) const;

 private:
  friend class Instance;
  friend class Context;
  struct State;
  std::shared_ptr<State> state_;
};

/// One caller; keeps its model alive. Thin: every call goes straight to the table.
class Context {
 public:
  Result<void> bind_input(std::uint32_t index, const DLTensor* tensor);
  Result<void> reshape_input(std::uint32_t index, std::span<const std::int64_t> shape);
  Result<void> bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity);
  Result<void> execute(const sp_run* run = nullptr);
  Result<void> output(std::uint32_t index, DLTensor* view, int* in_bound_memory = nullptr);
  Result<DLManagedTensorVersioned*> take_output(std::uint32_t index);
  Result<void> reset_state();
  Result<void> cancel();
  Result<Json> profile();
  sp_context* raw() const;
  const sp_backend& table() const;

 private:
  friend class Model;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace speedster::backend
