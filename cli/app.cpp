#include "cli/app.h"

#include <speedster/version.h>

#include <algorithm>
#include <exception>
#include <new>

#include "base/json.h"
#include "base/text.h"
#include "cli/suggest.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

std::string footer() {
  std::string codes;
  for (const ExitCodeRow& row : kExitCodes)
    codes += (codes.empty() ? "Exit codes: " : ", ") + std::to_string(row.code) + " " + row.name;
  return codes + ".";
}

Error usage(std::string message) { return {ErrorKind::kUsage, std::move(message)}; }

std::string with_suggestion(std::string message, std::string_view word, const std::vector<std::string>& known,
                            const std::string& otherwise) {
  const auto meant = closest(word, known);
  return std::move(message) + "; try " + (meant ? *meant : otherwise);
}

/// The long option names of an app and the apps above it, with their dashes.
std::vector<std::string> long_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// One command with its app; the Run refers to variables that declare() made.
struct Declared {
  CLI::App* app;
  Run run;
};

class Parser {
 public:
  Parser(const std::vector<Command>& commands, Io& io) : io_(io) {
    root_.name("speedster");
    root_.require_subcommand(0, 1);
    root_.set_help_flag("-h,--help", "This text");
    root_.add_flag("--version", version_, "Print the version");
    root_.add_flag("--json", io_.json, "The same as JSON");
    root_.footer(footer());
    for (const Command& command : commands) {
      CLI::App* app = root_.add_subcommand(command.name, command.summary);
      app->footer(footer());
      Run run = command.declare(*app);
      add_common(*app);
      for (CLI::App* nested : app->get_subcommands({})) add_common(*nested);
      declared_.push_back({app, std::move(run)});
    }
  }

  Result<ExitCode> run(const std::vector<std::string>& arguments) {
    io_.arguments = arguments;
    // Known before parsing, so that errors of parsing are JSON too.
    io_.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    SPEEDSTER_TRY(check_words(arguments));
    try {
      std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
      root_.parse(reversed);
    } catch (const CLI::CallForHelp&) {
      io_.out << root_.help();
      return kOk;
    } catch (const CLI::ParseError& error) {
      return usage("[usage] expected options as the help says, got a problem: " + std::string(error.what()) +
                   "; try speedster " +
                   (root_.get_subcommands().empty() ? "" : root_.get_subcommands()[0]->get_name() + " ") + "--help");
    }
    if (version_) {
      if (io_.json)
        io_.print({{"version", SPEEDSTER_VERSION_STRING}});
      else
        io_.out << "speedster " SPEEDSTER_VERSION_STRING "\n";
      return kOk;
    }
    SPEEDSTER_TRY(set_color());
    for (const Declared& command : declared_)
      if (command.app->parsed()) return command.run(io_);
    if (io_.json) return usage("[usage] expected a command, got none; try speedster --help");
    io_.err << root_.help();
    return kUsage;
  }

 private:
  void add_common(CLI::App& app) {
    app.set_help_flag("-h,--help", "This text")->group(kOutputGroup);
    app.add_flag("--json", io_.json, "Print the result as JSON on stdout")->group(kOutputGroup);
    app.add_flag("-q,--quiet", io_.quiet, "No progress on stderr")->group(kOutputGroup);
    app.add_flag("-v,--verbose", io_.verbose, "Log messages on stderr")->group(kOutputGroup);
    app.add_option("--color", color_, "auto, always or never")->group(kOutputGroup)->type_name("WHEN");
  }

  Result<void> set_color() {
    if (color_ == "auto") return {};
    if (color_ != "always" && color_ != "never")
      return usage("[usage] expected --color to be auto, always or never, got \"" + color_ + "\"; try --color auto");
    io_.out_terminal.color = io_.err_terminal.color = color_ == "always";
    return {};
  }

  /// Unknown commands and options, with the word that was probably meant: the parsing library would only name them.
  Result<void> check_words(const std::vector<std::string>& arguments) {
    const CLI::App* app = &root_;
    std::string who = root_.get_name();
    std::size_t at = 0;
    const std::vector<std::string> leading = long_options(root_);  // none of them takes a value
    while (at < arguments.size() && std::find(leading.begin(), leading.end(), arguments[at]) != leading.end()) ++at;
    // The words before the next option name the command, and for some a second one ("toolchain install").
    for (; at < arguments.size() && !arguments[at].starts_with("-"); ++at) {
      std::vector<std::string> names;
      for (const CLI::App* child : app->get_subcommands(nullptr)) names.push_back(child->get_name());
      if (names.empty()) break;
      if (std::find(names.begin(), names.end(), arguments[at]) == names.end()) {
        std::string known;
        for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
        return usage(with_suggestion("[usage] expected a command (" + known + "), got \"" + arguments[at] + "\"",
                                     arguments[at], names, "speedster --help"));
      }
      app = app->get_subcommand(arguments[at]);
      who += " " + arguments[at];
    }
    const std::vector<std::string> known = long_options(*app);
    for (; at < arguments.size() && arguments[at] != "--"; ++at) {
      const std::string word = arguments[at].substr(0, arguments[at].find('='));
      if (!word.starts_with("--") || std::find(known.begin(), known.end(), word) != known.end()) continue;
      return usage(
          with_suggestion("[usage] expected an option of " + who + ", got " + word, word, known, who + " --help"));
    }
    return {};
  }

  Io& io_;
  CLI::App root_{"Makes a trained model as fast as this machine allows, within your accuracy budget."};
  std::vector<Declared> declared_;
  bool version_ = false;
  std::string color_ = "auto";
};

}  // namespace

void Io::say(std::string_view text) const {
  if (!json) out << out_terminal.fit(text) << '\n';
}

void Io::print(const Json& result) const { out << to_text(result, 2) << '\n'; }

Json error_json(const Error& error) {
  return {{"ok", false},
          {"error", {{"kind", std::string(error_kind_name(error.kind()))}, {"message", error.full_message()}}},
          {"exit_code", static_cast<int>(exit_code(error.kind()))}};
}

namespace {

/// What is thrown is an error like any other: with --json it is told there.
Result<ExitCode> run_caught(Parser& parser, const std::vector<std::string>& arguments) {
  try {
    return parser.run(arguments);
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::kOutOfMemory,
                 "[memory] expected memory for the command itself, got none; try to end other programs");
  } catch (const std::exception& error) {
    return Error(ErrorKind::kInternal, std::string("[internal] expected no exception, got: ") + error.what() +
                                           "; try again, and please report it");
  }
}

}  // namespace

int run_app(const std::vector<std::string>& arguments, const std::vector<Command>& commands, Io& io) {
  Parser parser(commands, io);
  Result<ExitCode> done = run_caught(parser, arguments);
  if (done) {
    io.out.flush();
    return *done;
  }
  const Error& error = done.error();
  const ExitCode code = exit_code(error.kind());
  if (io.json) io.print(error_json(error));
  // Several lines stay several lines (the numpy lines of an error about samples), each made harmless.
  std::string text;
  for (const std::string& line : split(error.full_message(), '\n'))
    text += (text.empty() ? "" : "\n") + report::printable(line);
  io.err << "speedster: " << io.err_terminal.fit(text) << '\n';
  io.out.flush();
  return code;
}

std::vector<std::pair<std::string, std::vector<std::string>>> option_names(const std::vector<Command>& commands) {
  std::vector<std::pair<std::string, std::vector<std::string>>> names;
  for (const Command& command : commands) {
    CLI::App app;
    const Run unused = command.declare(app);
    names.emplace_back(command.name, long_options(app));
  }
  return names;
}

}  // namespace speedster::cli
