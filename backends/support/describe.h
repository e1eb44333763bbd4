/// The JSON that `describe` answers: one struct for all plug-ins, so that they agree on its form.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/json.h"
#include "support/options.h"

namespace speedster::plugin {

/// How the loader finds and judges the vendor's library.
struct VendorDescription {
  std::string name;
  std::vector<std::string> file_patterns;  ///< glob patterns of the file name
  std::vector<std::string> site_packages;  ///< folders below site-packages
  std::string toolchain;                   ///< the toolchain that installs it
  std::string version_min;
  bool coexists = true;  ///< a second release may be mapped into the same process
};

struct Description {
  std::string name;
  std::vector<std::string> formats, precisions, dtypes;
  std::vector<VendorDescription> vendor;  ///< none or one
  /// dtypes that the vendor takes and gives but computes in a shorter one: {"int64", "int32"}
  std::vector<std::pair<std::string, std::string>> narrow;
};

inline std::string describe_json(const Description& description, const OptionTable& options) {
  JsonWriter json;
  const auto list = [&json](std::string_view key, const std::vector<std::string>& values) {
    json.array(key);
    for (const auto& value : values) json.item(std::string_view(value));
    json.end();
  };
  json.object().field("name", std::string_view(description.name));
  list("formats", description.formats);
  list("precisions", description.precisions);
  options.describe(json);
  list("dtypes", description.dtypes);
  if (!description.narrow.empty()) {
    json.object("narrow");
    for (const auto& [dtype, computed] : description.narrow) json.field(dtype, std::string_view(computed));
    json.end();
  }
  for (const auto& vendor : description.vendor) {
    json.object("vendor").field("name", std::string_view(vendor.name));
    list("file_patterns", vendor.file_patterns);
    list("site_packages", vendor.site_packages);
    json.field("toolchain", std::string_view(vendor.toolchain))
        .field("version_min", std::string_view(vendor.version_min));
    json.field("coexists", vendor.coexists).end();
  }
  json.end();
  return json.text();
}

}  // namespace speedster::plugin
