/// The options of commands that load a package into this process.
#pragma once
#include <speedster/learner.h>

#include <memory>

#include "cli/command.h"

namespace speedster::cli {

struct LoadArguments {
  std::string entry = "main", variant, manifest_sha256, backend_path, hide_isa;
  std::vector<std::string> vendor_library, options;
  int threads = 0;
  bool allow_code = false, no_vendor_cache = false;
};

std::shared_ptr<LoadArguments> declare_load_options(CLI::App& app);
/// With --verbose the runtime's log goes to io.err.
Result<LoadOptions> load_options(const LoadArguments& arguments, Io& io);

}  // namespace speedster::cli
