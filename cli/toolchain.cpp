// `speedster toolchain`: vendors' Python packages in environments of their own.
#include "toolchain/toolchain.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/remedy.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct ToolchainArguments {
  std::vector<std::string> names;
  std::string python;
  bool all = false, force = false;
};

/// What the toolchain is for, from its own summary, and the versions that matter: the package of its name.
std::string version_of(const toolchain::Row& row) {
  const auto found = row.packages.find(row.name);
  return found == row.packages.end() ? std::string(report::kNothing) : found->second;
}

std::string state_of(const toolchain::Row& row) {
  const std::string mends = remedy(row), tries = mends.empty() ? "" : "; try " + mends;
  if (!row.problem.empty()) return row.problem + (row.problem.find("; try ") == std::string::npos ? tries : "");
  if (!row.installed) return "not installed" + tries;
  return row.outdated ? "outdated" + tries : "installed";
}

Json row_json(const toolchain::Row& row) {
  return {{"name", row.name},
          {"summary", row.summary},
          {"installed", row.installed},
          {"outdated", row.outdated},
          {"problem", row.problem},
          {"remedy", remedy(row)},
          {"packages", row.packages},
          {"bytes", row.environment.bytes},
          {"python", row.environment.python_version},
          {"folder", row.environment.root.string()}};
}

Result<ExitCode> list(Io& io) {
  const std::vector<toolchain::Row> rows = toolchain::list(/*with_bytes=*/true);
  if (io.json) {
    Json json = Json::array();
    for (const toolchain::Row& row : rows) json.push_back(row_json(row));
    io.print({{"ok", true}, {"toolchains", json}});
    return kOk;
  }
  int name = 10;
  for (const toolchain::Row& row : rows) name = std::max(name, report::display_width(row.name) + 2);
  for (const toolchain::Row& row : rows)
    io.say(report::pad(row.name, name) + report::pad(version_of(row), 12) +
           report::pad(row.installed ? report::format_bytes(row.environment.bytes) : report::kNothing, 10) +
           report::printable(state_of(row)) +
           (row.summary.empty() ? "" : "  (" + report::printable(row.summary) + ")"));
  if (rows.empty()) io.say("no toolchain recipes were found; SPEEDSTER_TOOLCHAIN_PATH names their folder");
  return kOk;
}

Result<ExitCode> install(const ToolchainArguments& a, Io& io) {
  const std::vector<std::string> names = a.all ? toolchain::list_recipes() : a.names;
  if (names.empty())
    return Error(ErrorKind::kUsage, "[usage] expected names of toolchains or --all, got none; try " +
                                        join(toolchain::list_recipes(), ", "));
  toolchain::InstallOptions options;
  options.python = a.python;
  options.force = a.force;
  const TokenFollowsFlag follows(io.cancel, options.cancel);
  if (!io.quiet)
    options.progress = [&](std::string_view line) {
      io.err << io.err_terminal.fit(report::printable(line)) << std::endl;
    };
  Json installed = Json::array();
  for (const std::string& name : names) {
    SPEEDSTER_ASSIGN(const toolchain::Environment environment, toolchain::install(name, options));
    io.say(name + " is ready in " + environment.root.string());
    installed.push_back({{"name", name}, {"folder", environment.root.string()}, {"packages", environment.packages}});
  }
  if (io.json) io.print({{"ok", true}, {"installed", installed}});
  return kOk;
}

Result<ExitCode> remove(const ToolchainArguments& a, Io& io) {
  if (a.names.empty())
    return Error(ErrorKind::kUsage, "[usage] expected names of toolchains, got none; try speedster toolchain list");
  Json removed = Json::array();
  for (const std::string& name : a.names) {
    SPEEDSTER_ASSIGN(const std::uint64_t bytes, toolchain::remove(name));
    io.say("removed " + name + ", " + report::format_bytes(bytes) + " freed");
    removed.push_back({{"name", name}, {"bytes", bytes}});
  }
  if (io.json) io.print({{"ok", true}, {"removed", removed}});
  return kOk;
}

}  // namespace

Command toolchain_command() {
  return {"toolchain", "Install, list and remove vendors' toolchains", [](CLI::App& app) -> Run {
            auto a = std::make_shared<ToolchainArguments>();
            CLI::App* install_app = app.add_subcommand("install", "Make a toolchain's environment from its lock file");
            install_app->add_option("names", a->names, "Toolchains")->type_name("NAME…");
            install_app->add_flag("--all", a->all, "All that are known")->group(kInstallGroup);
            install_app->add_flag("--force", a->force, "Make it anew even if it is up to date")->group(kInstallGroup);
            install_app->add_option("--python", a->python, "Interpreter to build from")
                ->group(kInstallGroup)
                ->type_name("PATH");
            CLI::App* list_app = app.add_subcommand("list", "Show what is installed and what could be");
            CLI::App* remove_app = app.add_subcommand("remove", "Remove environments");
            remove_app->add_option("names", a->names, "Toolchains")->type_name("NAME…");
            return [=](Io& io) -> Result<ExitCode> {
              if (install_app->parsed()) return install(*a, io);
              if (list_app->parsed()) return list(io);
              if (remove_app->parsed()) return remove(*a, io);
              return Error(ErrorKind::kUsage,
                           "[usage] expected install, list or remove, got nothing; try speedster toolchain list");
            };
          }};
}

}  // namespace speedster::cli
