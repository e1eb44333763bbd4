/// A folder that appears when it is complete.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace speedster {

/// Is filled beside its target and moved into its place at the end; one that ends before leaves nothing behind.
class FolderOutput {
 public:
  /// What may be replaced: nothing, an empty folder, or one that `ours` recognizes. Everything else is kept and refused
  /// (kind usage). `who` speaks in messages, `what` names what `ours` recognizes: "a package".
  struct Replaces {
    std::string who, what;
    std::function<bool(const fs::path&)> ours;
  };
  static Result<FolderOutput> create(const fs::path& target, Replaces replaces);
  /// The folder being filled.
  const fs::path& path() const { return staging_.path(); }
  /// Absolute, without a trailing slash.
  const fs::path& target() const { return target_; }
  /// Syncs everything and moves it to the target. The last call.
  Result<void> commit();

 private:
  FolderOutput(TempDir staging, fs::path target, Replaces replaces)
      : staging_(std::move(staging)), target_(std::move(target)), replaces_(std::move(replaces)) {}
  TempDir staging_;
  fs::path target_;
  Replaces replaces_;
};

}  // namespace speedster
