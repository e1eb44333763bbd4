/// The parts of a bundle as an SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3/), and where licences come
/// from.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace speedster::learner {

/// A file of a bundle, or what is compiled into one.
struct BundlePart {
  std::string file;     ///< relative path; empty for what is compiled into another part
  std::string kind;     ///< "package" "runtime" "plug-in" "vendor" "system" "program" "compiled-in"
  std::string name;     ///< "onnxruntime", "libssl3", …
  std::string version;  ///< empty where not known
  std::string licence;  ///< SPDX expression; empty where not known
  std::string sha256;   ///< empty where there is no file
  std::uint64_t bytes = 0;
};

/// `name` is the bundle's; the document's time is SOURCE_DATE_EPOCH, else now.
Json spdx_document(const std::string& name, const std::vector<BundlePart>& parts);

/// Whether an SPDX document is one of ours, of whatever release.
bool describes_bundle(const Json& document);

/// A distribution that owns a file: its name, version, licence and the files with the licence's text.
struct Owner {
  std::string name, version, licence;
  std::vector<std::filesystem::path> licence_files;
};

/// The wheel that installed `file`, by the RECORD of the *.dist-info folders in the site-packages above it.
std::optional<Owner> wheel_owner(const std::filesystem::path& file);
/// The Debian package that installed `file`, by dpkg's database below `root`.
std::optional<Owner> debian_owner(const std::filesystem::path& file, const std::filesystem::path& root = "/");

}  // namespace speedster::learner
