// `speedster merge`: packages of one model from several machines become one.
#include "package/merge.h"

#include "base/files.h"
#include "base/text.h"
#include "cli/commands.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct MergeArguments {
  std::vector<std::string> packages;
  std::string output;
};

Result<ExitCode> merge(const MergeArguments& a, Io& io) {
  if (a.packages.size() < 2 || a.output.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected two packages or more and -o, got less; try speedster merge FIRST SECOND -o PACKAGE");
  const std::vector<fs::path> packages(a.packages.begin(), a.packages.end());
  SPEEDSTER_ASSIGN(const package::Merged merged, package::merge(packages, a.output));
  if (io.json) {
    Json parts = Json::array();
    for (const auto& part : merged.parts)
      parts.push_back({{"package", part.package.string()}, {"processor", part.processor}, {"variants", part.variants}});
    io.print({{"ok", true},
              {"package", a.output},
              {"manifest_sha256", merged.manifest_sha256},
              {"parts", std::move(parts)},
              {"notes", merged.notes}});
    return kOk;
  }
  io.say("package   " + report::printable(a.output));
  io.say("manifest  " + merged.manifest_sha256);
  for (const auto& part : merged.parts)
    io.say("from      " + report::printable(part.package.string()) +
           (part.processor.empty() ? "" : " (" + report::printable(part.processor) + ")") + ": " +
           report::printable(join(part.variants, ", ")));
  for (const std::string& note : merged.notes) io.say("note      " + report::printable(note));
  io.say("check it  " + shell_quoted({"speedster", "verify", a.output}) + ", on each machine");
  return kOk;
}

}  // namespace

Command merge_command() {
  return {"merge", "Join packages of one model from several machines", [](CLI::App& app) -> Run {
            auto a = std::make_shared<MergeArguments>();
            app.add_option("packages", a->packages, "Packages of one model and the same samples")
                ->type_name("PACKAGE")
                ->expected(-1);
            app.add_option("-o,--output", a->output, "The package to write")->group(kOutputGroup)->type_name("PACKAGE");
            return [a](Io& io) { return merge(*a, io); };
          }};
}

}  // namespace speedster::cli
