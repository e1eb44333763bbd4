/// Writes a package into a folder beside the target and moves it into place: an interrupted save leaves no half
/// package.
#pragma once
#include <filesystem>

#include "base/folder_output.h"
#include "package/manifest.h"

namespace speedster::package {

/// Collects files and ends with `commit`. Files are copied and digested as they come.
class PackageWriter {
 public:
  /// Checks that `target` can be written (permission, free space for `expected_bytes`) before any work. What is there
  /// must be a package or an empty folder; anything else is kept and refused (kind usage).
  static Result<PackageWriter> create(const std::filesystem::path& target, std::uint64_t expected_bytes = 0);
  /// Copies a file to the relative place `as`; the same place twice is an error.
  Result<void> add_file(const std::filesystem::path& from, const std::string& as);
  Result<void> add_text(std::string_view content, const std::string& as);
  /// The folder being filled.
  const std::filesystem::path& staging() const { return folder_.path(); }
  /// Fills manifest.files, writes the manifest, syncs, moves everything to the target. Returns the manifest's digest.
  Result<std::string> commit(Manifest manifest);

 private:
  explicit PackageWriter(FolderOutput folder) : folder_(std::move(folder)) {}
  /// Where `as` goes, if it is a free place inside.
  Result<std::filesystem::path> place(const std::string& as) const;
  FolderOutput folder_;
  std::map<std::string, FileRecord> files_;
};

/// Digest checks. The first load on a machine checks a payload's digest and remembers size and time stamp in the cache;
/// later loads compare those (`check_payload`); `check_all` reads everything.
Result<void> check_payload(const std::filesystem::path& package, const Manifest& manifest, const Variant& variant);
Result<void> check_all(const std::filesystem::path& package, const Manifest& manifest);

}  // namespace speedster::package
