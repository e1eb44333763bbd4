#include "cli/load_options.h"

#include "cli/parse.h"
#include "report/text.h"

namespace speedster::cli {

std::shared_ptr<LoadArguments> declare_load_options(CLI::App& app) {
  auto owned = std::make_shared<LoadArguments>();
  LoadArguments& a = *owned;
  const auto in_group = [](CLI::Option* option, const char* type) { option->group(kLoadGroup)->type_name(type); };
  in_group(app.add_option("--entry", a.entry, "Entry point (default: main)"), "NAME");
  in_group(app.add_option("--threads", a.threads, "Threads of one call; default: as judged"), "N");
  in_group(app.add_option("--variant", a.variant, "Fail instead of falling back to another variant"), "NAME");
  in_group(app.add_option("--manifest-sha256", a.manifest_sha256, "Fail if the package is another one"), "DIGEST");
  in_group(app.add_option("--option", a.options, "A session option that overrides the variant's own")
               ->allow_extra_args(false),
           "KEY=VALUE");
  in_group(app.add_option("--vendor-library", a.vendor_library, "A backend's vendor library")->allow_extra_args(false),
           "BACKEND=PATH");
  in_group(app.add_option("--backend-path", a.backend_path, "Folders with plug-ins, ':' between them"), "FOLDERS");
  in_group(app.add_option("--hide-isa", a.hide_isa, "Instruction sets to treat as missing"), "NAME,…");
  app.add_flag("--allow-code", a.allow_code, "Load payloads that are code though this machine did not make them")
      ->group(kLoadGroup);
  app.add_flag("--no-vendor-cache", a.no_vendor_cache, "Neither use nor keep what a vendor makes of the model here")
      ->group(kLoadGroup);
  return owned;
}

Result<LoadOptions> load_options(const LoadArguments& a, Io& io) {
  if (a.threads < 0)
    return Error(ErrorKind::kUsage,
                 "[usage] expected --threads to be at least 1, got " + std::to_string(a.threads) + "; try --threads 1");
  LoadOptions options;
  options.entry = a.entry;
  options.threads = a.threads;
  options.require_variant = a.variant;
  options.manifest_sha256 = a.manifest_sha256;
  options.allow_code = a.allow_code;
  options.vendor_cache = !a.no_vendor_cache;
  options.backend_path = a.backend_path;
  options.hide_isa = a.hide_isa;
  SPEEDSTER_ASSIGN(options.vendor_library, parse_pairs(a.vendor_library, "--vendor-library"));
  SPEEDSTER_ASSIGN(options.options, parse_pairs(a.options, "--option"));
  constexpr int kWarning = 2;
  options.log = [&io, least = io.verbose ? 0 : kWarning](int level, std::string_view text) {
    if (level >= least && (level > kWarning || !io.quiet))
      io.err << io.err_terminal.fit(report::printable(text)) + "\n";
  };
  return options;
}

}  // namespace speedster::cli
