// `speedster verify`: is a package whole, and does it still answer on this machine as it did when it was made?
#include <speedster/learner.h>

#include <utility>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/load_options.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

std::string number(const Json& json, const char* key, std::string (*format)(double)) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? format(found->get<double>()) : std::string(report::kNothing);
}

/// What another variant of the package did here, beside the one that loads.
std::string other_line(const Json& row) {
  std::string line = row["variant"].get<std::string>() + ": ";
  if (!row["loads"].get<bool>()) return line + "does not load: " + row["reason"].get<std::string>();
  if (!row["holds"].get<bool>()) return line + "does not hold: " + row["reason"].get<std::string>();
  const auto ratio = [&](const char* key) { return number(row["over_choice"], key, report::format_number); };
  return line + "holds, " + ratio("median") + " times its time (" + ratio("low") + "–" + ratio("high") + "), " +
         number(row, "latency_seconds", report::format_seconds) + " here, " +
         number(row, "judged_latency_seconds", report::format_seconds) + " when it was made";
}

void print_others(const Json& result, Io& io) {
  const auto others = result.find("others");
  if (others == result.end()) return;
  constexpr int kLabel = 10;
  const auto say = [&](std::string label, const std::string& text) {
    for (const std::string& line : report::wrap(report::printable(text), std::max(30, io.out_terminal.width - kLabel)))
      io.say(report::pad(std::exchange(label, ""), kLabel) + line);
  };
  for (const Json& row : *others) say(&row == &others->front() ? "others" : "", other_line(row));
  const Json& choice = result["choice"];
  if (choice["stands"].get<bool>())
    say("choice", "stands: nothing else of the package that holds is faster here");
  else
    say("choice", "does not stand: " + choice["faster"].get<std::string>() +
                      " is faster here; try speedster optimize on this machine and speedster merge, or --variant " +
                      choice["faster"].get<std::string>());
}

void print(const Json& result, Io& io) {
  const auto text = [&](const char* key) {
    const auto found = result.find(key);
    if (found == result.end() || found->is_null()) return std::string(report::kNothing);
    return report::printable(found->is_string() ? found->get<std::string>() : to_text(*found));
  };
  const auto seconds = [](double s) { return report::format_seconds(s); };
  const auto bytes = [](double b) { return report::format_bytes(static_cast<std::uint64_t>(b)); };
  // After a failure only what came before it is there.
  const auto say = [&](const char* key, const std::string& line) {
    if (const auto found = result.find(key); found != result.end() && !found->is_null()) io.say(line);
  };
  say("files", "files     " + text("files") + " checked, " + number(result, "bytes", bytes));
  say("manifest_sha256", "manifest  " + text("manifest_sha256"));
  say("variant", "variant   " + text("variant") + ", ran in " + text("precision"));
  say("samples", "samples   " + text("samples") + " run, relative L2 " +
                     number(result, "relative_l2", report::format_number) + " (limit " +
                     number(result, "limit", report::format_number) + "), cosine " +
                     number(result, "cosine", report::format_number));
  say("latency_seconds", "latency   " + number(result, "latency_seconds", seconds) + " here, " +
                             number(result, "judged_latency_seconds", seconds) + " when it was made");
  print_others(result, io);
}

Result<ExitCode> run(const std::string& package, const LoadArguments& arguments, Io& io) {
  if (package.empty())
    return Error(ErrorKind::kUsage, "[usage] expected a package, got none; try speedster verify PACKAGE");
  SPEEDSTER_ASSIGN(const LoadOptions options, load_options(arguments, io));
  std::string text;
  const Result<void> verified = verify(package, options, &text);
  const Result<Json> result = parse_json(text.empty() ? "{}" : text, "verify");
  // What was found out before a failure is worth seeing: the failure goes to stderr, the rest is the result.
  if (result && result->is_object() && !result->empty()) {
    if (io.json) {
      Json json = *result;
      if (!verified) json.update(error_json(verified.error()));
      io.print(json);
    } else {
      print(*result, io);
    }
    if (verified) {
      io.say("ok        the package holds on this machine");
      return kOk;
    }
    if (io.json) {
      io.err << "speedster: " << io.err_terminal.fit(report::printable(verified.error().full_message())) << '\n';
      return exit_code(verified.error().kind());
    }
  }
  if (!verified) return verified.error();
  return Error(ErrorKind::kInternal,
               "[verify] expected a result of the check, got none; try again, and please report it");
}

}  // namespace

Command verify_command() {
  return {"verify", "Check a package's digests and run its samples on this machine", [](CLI::App& app) -> Run {
            auto package = std::make_shared<std::string>();
            app.add_option("package", *package, "The package")->type_name("PACKAGE");
            auto load = declare_load_options(app);
            return [package, load](Io& io) { return run(*package, *load, io); };
          }};
}

}  // namespace speedster::cli
