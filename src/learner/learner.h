/// A loaded package: the first variant of an entry point whose needs this machine meets, and why earlier ones were
/// passed over. Immutable and used from any threads at once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backend/vendor.h"
#include "learner/options.h"
#include "package/manifest.h"

namespace speedster::learner {

struct PassedOver {
  std::string variant, reason;
};

/// What became of the vendor's cache at a load.
enum class CacheUse {
  kNone,  ///< not wanted, not known to the plug-in, or not possible here
  kKept,  ///< made at this load, for the next one
  kUsed,  ///< an earlier load left it
};

class Learner : public std::enable_shared_from_this<Learner> {
 public:
  /// Kinds: usage and not found for the options, corrupt for a package that does not match its digests, unsupported
  /// where no variant can load (a package of one variant gives that variant's own kind).
  static Result<std::shared_ptr<const Learner>> load(const std::filesystem::path& package, const LoadOptions& options);

  const std::filesystem::path& package() const { return package_; }
  const package::Manifest& manifest() const { return manifest_; }
  const std::string& manifest_sha256() const { return manifest_sha256_; }
  const package::EntryPoint& entry() const { return manifest_.entries.find(entry_name_)->second; }
  const package::Variant& variant() const { return entry().variants[variant_]; }
  /// The signature that callers see; its order is theirs whatever the backend's is.
  const Signature& signature() const { return entry().signature; }
  const std::vector<PassedOver>& passed_over() const { return passed_over_; }

  /// The vendor's library as it was found, and the plug-in that opened it.
  const backend::OpenedVendor& vendor() const { return loaded_->vendor; }
  const backend::Model& model() const { return loaded_->model; }
  CacheUse cache_use() const { return loaded_->cache_use; }
  std::uint32_t model_entry() const { return loaded_->entry; }
  const backend::Options& context_options() const { return loaded_->context_options; }
  /// The backend's index of an input or output of `signature()`.
  const std::vector<std::uint32_t>& input_map() const { return loaded_->input_map; }
  const std::vector<std::uint32_t>& output_map() const { return loaded_->output_map; }

  /// What schemas/learner_info.schema.json describes.
  Result<Json> info() const;

 private:
  /// What loading a variant gives.
  struct Loaded {
    backend::OpenedVendor vendor;
    backend::Model model;
    CacheUse cache_use = CacheUse::kNone;
    std::uint32_t entry = 0;
    backend::Options options, context_options;
    std::vector<std::uint32_t> input_map, output_map;
  };
  Result<Loaded> load_variant(const package::Variant& variant, const LoadOptions& options) const;
  Result<void> load_first(const LoadOptions& options);

  std::filesystem::path package_;
  package::Manifest manifest_;
  std::string manifest_sha256_, entry_name_;
  hardware::Machine machine_;
  std::size_t variant_ = 0;
  std::vector<PassedOver> passed_over_;
  std::optional<Loaded> loaded_;
};

}  // namespace speedster::learner
