#include "conformance/vendor.h"

#include <fnmatch.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace speedster::conformance {
namespace {

namespace fs = std::filesystem;

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

fs::path toolchains() {
  if (const std::string own = variable("SPEEDSTER_DATA_DIR"); !own.empty()) return fs::path(own) / "toolchains";
  const std::string data = variable("XDG_DATA_HOME");
  return (data.empty() ? fs::path(variable("HOME")) / ".local/share" : fs::path(data)) / "speedster/toolchains";
}

}  // namespace

std::string find_vendor(const std::string& backend, const nlohmann::json& description, const std::string& given) {
  if (!description.contains("vendor")) return {};
  if (!given.empty()) return fs::absolute(given);
  std::string name = "SPEEDSTER_" + backend + "_LIBRARY";
  for (char& c : name) c = static_cast<char>(std::toupper(c));
  if (const std::string set = variable(name); !set.empty()) return fs::absolute(set);

  const auto& vendor = description["vendor"];
  const fs::path libraries = toolchains() / vendor["toolchain"].get<std::string>() / "venv/lib";
  std::error_code ignored;
  for (const auto& python : fs::directory_iterator(libraries, ignored)) {
    for (const auto& folder : vendor["site_packages"]) {
      for (const auto& pattern : vendor["file_patterns"]) {
        for (const auto& file :
             fs::directory_iterator(python.path() / "site-packages" / folder.get<std::string>(), ignored)) {
          if (::fnmatch(pattern.get<std::string>().c_str(), file.path().filename().c_str(), 0) == 0) return file.path();
        }
      }
    }
  }
  std::fprintf(
      stderr,
      "[conformance] expected the vendor's library of %s, got none in $%s or %s; try speedster toolchain install %s\n",
      backend.c_str(), name.c_str(), libraries.c_str(), vendor["toolchain"].get<std::string>().c_str());
  std::exit(1);
}

}  // namespace speedster::conformance
