/// How a package is to be loaded: the values behind speedster_load_options.
#pragma once
#include <speedster/speedster.h>

#include <map>
#include <string>

#include "backend/plugin.h"
#include "hardware/cpu.h"

namespace speedster::learner {

struct LoadOptions {
  std::string entry = "main";
  int threads = 0;   ///< 0 = as judged, at most the cores that this process may use
  int contexts = 1;  ///< callers to provide for
  std::string require_variant;
  std::string manifest_sha256;
  bool allow_code = false;
  std::string backend_path;
  std::map<std::string, std::string, std::less<>> vendor_library;  ///< backend -> path
  backend::Options options;                                        ///< override the variant's own
  hardware::IsaSet hide_isa;
  bool vendor_cache = true;  ///< keep and use what a vendor makes of the model on this machine
  Log log;
};

/// "KEY=VALUE[,KEY=VALUE…]"; kind usage for a piece without a key or a key given twice.
Result<std::map<std::string, std::string, std::less<>>> parse_pairs(std::string_view text, std::string_view what);
/// Reads what the struct's size covers; NULL gives the defaults.
Result<LoadOptions> from_c(const speedster_load_options* options);

}  // namespace speedster::learner
