/// What a vendor makes of a model on this machine (OpenVINO's blob, ONNX Runtime's optimized graph), kept in the user's
/// cache folder so that the next load needs not make it again. Plug-ins with an option `cache_dir` have one.
///
/// cache_directory()/vendor/KEY holds `blobs`, the vendor's own, and `complete`, which lists their sizes and time
/// stamps: without it, or where it does not fit, they are made again. One process at a time makes them, others load
/// without.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "base/lock.h"

namespace speedster::learner {

class VendorCache {
 public:
  /// `key` is a digest over all that the blobs depend on. Nothing where no folder can be made, where it is not ours
  /// alone to write, or where another process fills it just now.
  static std::optional<VendorCache> open(const std::string& key);
  /// For the plug-in: where blobs are or are to be.
  std::filesystem::path blobs() const { return folder_ / "blobs"; }
  /// Whether an earlier load left them.
  bool filled() const { return filled_; }
  /// After a load that succeeded: what is there is complete from now on. False where there is nothing, or too much. Of
  /// the others those that were not used for longest go where all of them exceed 8 GiB.
  bool keep();
  /// After a load that failed: what is there is not used again.
  void drop();

 private:
  VendorCache(std::filesystem::path folder, bool filled, std::optional<FileLock> lock)
      : folder_(std::move(folder)), filled_(filled), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  bool filled_;
  std::optional<FileLock> lock_;  ///< held while they are made
};

/// Removes one, whole or interrupted. False where a process fills it, or where it cannot be removed.
bool remove_vendor_cache(const std::filesystem::path& folder);

}  // namespace speedster::learner
