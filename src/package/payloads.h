/// The payloads of a package that is being written: files of the same bytes are stored once, whoever brings them.
#pragma once
#include <set>

#include "package/manifest.h"
#include "package/writer.h"

namespace speedster::package {

class Payloads {
 public:
  /// The writer must outlive this.
  explicit Payloads(PackageWriter& writer) : writer_(writer) {}

  /// Copies the files of a variant of the package in `source` and returns the variant as the new package has it. A set
  /// of files keeps its own folder, as payloads refer to their neighbours by name (external data).
  Result<Variant> add(const std::filesystem::path& source, const Manifest& manifest, const Variant& variant);

 private:
  PackageWriter& writer_;
  std::set<std::string> stored_;
};

}  // namespace speedster::package
