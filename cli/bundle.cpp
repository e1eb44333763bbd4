// `speedster bundle`: a folder that runs a package where nothing is installed.
#include "learner/bundle.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/load_options.h"
#include "cli/parse.h"
#include "report/format.h"

namespace speedster::cli {
namespace {

struct BundleArguments {
  std::string package, directory, run_timeout;
  std::shared_ptr<LoadArguments> load;
};

/// The same options for code inside the runtime.
learner::LoadOptions runtime_options(const LoadOptions& from) {
  learner::LoadOptions options;
  options.entry = from.entry;
  options.threads = from.threads;
  options.contexts = from.contexts;
  options.require_variant = from.require_variant;
  options.manifest_sha256 = from.manifest_sha256;
  options.allow_code = from.allow_code;
  options.backend_path = from.backend_path;
  options.vendor_library.insert(from.vendor_library.begin(), from.vendor_library.end());
  options.options.insert(from.options.begin(), from.options.end());
  for (const std::string& isa : split(from.hide_isa, ',')) options.hide_isa.insert(isa);
  if (from.log)
    options.log = Log([log = from.log](LogLevel level, std::string_view text) { log(static_cast<int>(level), text); });
  return options;
}

Result<ExitCode> bundle(const BundleArguments& a, Io& io) {
  if (a.package.empty() || a.directory.empty())
    return Error(ErrorKind::kUsage, "[usage] expected a package and -o, got less; try speedster bundle PACKAGE -o DIR");
  SPEEDSTER_ASSIGN(const LoadOptions load, load_options(*a.load, io));
  learner::BundleOptions options;
  options.load = runtime_options(load);
  if (!a.run_timeout.empty()) {
    SPEEDSTER_ASSIGN(options.run_seconds, parse_duration(a.run_timeout, "--run-timeout"));
  }
  const TokenFollowsFlag follows(io.cancel, options.cancel, std::chrono::seconds(3));
  SPEEDSTER_ASSIGN(const learner::BundleReport made, learner::bundle(a.package, a.directory, options));
  if (io.json) {
    Json json = learner::to_json(made);
    json["ok"] = true;
    io.print(json);
    return kOk;
  }
  io.say("bundle    " + made.directory.string() + ", " + report::format_bytes(made.bytes));
  io.say("package   " + made.package + ", backends " + join(made.backends, ", "));
  io.say("variants  " + join(made.variants, ", "));
  io.say("glibc     " + made.lowest_glibc + " or newer");
  io.say("parts     " + std::to_string(made.parts.size()) + ", listed in sbom.spdx.json");
  io.say("run it    " + shell_quoted({(made.directory / "bin" / "run").string()}));
  return kOk;
}

}  // namespace

Command bundle_command() {
  return {"bundle", "Make a folder that runs a package where nothing is installed", [](CLI::App& app) -> Run {
            auto a = std::make_shared<BundleArguments>();
            app.add_option("package", a->package, "The package")->type_name("PACKAGE");
            app.add_option("-o,--output", a->directory, "The folder to make")->group(kOutputGroup)->type_name("DIR");
            app.add_option("--run-timeout", a->run_timeout,
                           "How long the finished bundle may take to run once (default 2m)")
                ->group(kBoundsGroup)
                ->type_name("TIME");
            a->load = declare_load_options(app);
            return [a](Io& io) { return bundle(*a, io); };
          }};
}

}  // namespace speedster::cli
