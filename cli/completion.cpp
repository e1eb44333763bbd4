// `speedster completion bash`: words for the shell.
#include "base/text.h"
#include "cli/app.h"
#include "cli/commands.h"

namespace speedster::cli {
namespace {

std::string bash_script(const std::vector<Command>& commands) {
  static const std::vector<std::string> kCommon = {"--help", "--json", "--quiet", "--verbose", "--color"};
  std::vector<std::string> names;
  std::string cases;
  for (const auto& [name, options] : option_names(commands)) {
    names.push_back(name);
    std::vector<std::string> words = options;
    words.insert(words.end(), kCommon.begin() + 1, kCommon.end());
    if (name == "toolchain") words.insert(words.begin(), {"install", "list", "remove"});
    if (name == "cache") words.insert(words.begin(), {"list", "prune"});
    cases += "    " + name + ") words=\"" + join(words, " ") + "\" ;;\n";
  }
  names.emplace_back("completion");
  return "# bash completion of speedster: eval \"$(speedster completion bash)\"\n"
         "_speedster() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" words\n"
         "  case \"${COMP_WORDS[1]}\" in\n" +
         cases + "    *) words=\"" + join(names, " ") +
         " --help --version\" ;;\n"
         "  esac\n"
         "  if [[ $COMP_CWORD -eq 1 || \"$current\" == -* || \"${COMP_WORDS[1]}\" =~ ^(toolchain|cache)$ ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _speedster speedster\n";
}

}  // namespace

Command completion_command(std::vector<Command> others) {
  return {"completion", "Print the completion script of a shell", [others = std::move(others)](CLI::App& app) -> Run {
            auto shell = std::make_shared<std::string>("bash");
            app.add_option("shell", *shell, "bash")->type_name("SHELL");
            return [shell, others](Io& io) -> Result<ExitCode> {
              if (*shell != "bash")
                return Error(ErrorKind::kUsage,
                             "[usage] expected the shell bash, got \"" + *shell + "\"; try speedster completion bash");
              if (io.json)
                io.print({{"ok", true}, {"script", bash_script(others)}});
              else
                io.out << bash_script(others);
              return kOk;
            };
          }};
}

}  // namespace speedster::cli
