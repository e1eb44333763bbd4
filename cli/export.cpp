// `speedster export`: the winner in the vendor's own form.
#include "learner/export.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/parse.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct ExportArguments {
  std::string package, directory, entry = "main", variant;
};

Result<ExitCode> export_winner(const ExportArguments& a, Io& io) {
  if (a.package.empty() || a.directory.empty())
    return Error(ErrorKind::kUsage, "[usage] expected a package and -o, got less; try speedster export PACKAGE -o DIR");
  const learner::ExportOptions options{a.entry, a.variant, {}};
  const TokenFollowsFlag follows(io.cancel, options.cancel, std::chrono::seconds(3));
  SPEEDSTER_ASSIGN(const learner::ExportReport made, learner::export_package(a.package, a.directory, options));
  if (io.json) {
    Json json = learner::to_json(made);
    json["ok"] = true;
    io.print(json);
    return kOk;
  }
  const auto say = [&](const std::string& line) { io.say(report::printable(line)); };
  say("export    " + made.directory.string() + ": " + join(made.files, ", "));
  say("variant   " + made.variant + " of " + made.backend);
  say("run it    pip install " + shell_quoted(made.requirements) + " && python3 " +
      shell_quoted({(made.directory / "run.py").string()}));
  return kOk;
}

}  // namespace

Command export_command() {
  return {"export", "Write the winner in the vendor's own form", [](CLI::App& app) -> Run {
            auto a = std::make_shared<ExportArguments>();
            app.add_option("package", a->package, "The package")->type_name("PACKAGE");
            app.add_option("-o,--output", a->directory, "The folder to make")->group(kOutputGroup)->type_name("DIR");
            app.add_option("--entry", a->entry, "Entry point (default: main)")->group(kLoadGroup)->type_name("NAME");
            app.add_option("--variant", a->variant, "This variant; default: the first")
                ->group(kLoadGroup)
                ->type_name("NAME");
            return [a](Io& io) { return export_winner(*a, io); };
          }};
}

}  // namespace speedster::cli
