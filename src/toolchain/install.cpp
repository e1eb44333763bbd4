#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "toolchain/environment.h"
#include "toolchain/process.h"
#include "toolchain/toolchain.h"

namespace speedster::toolchain {

namespace {

constexpr std::string_view kWho = "toolchain";
/// Within which all modules of a toolchain must have been imported; from a cold disk it takes some ten.
constexpr double kImportSeconds = 120;
/// The Pythons whose wheels the locks name.
constexpr std::string_view kSupported = "3.11 or 3.12";

struct Python {
  fs::path path;
  std::string version;
};

bool supported(std::string_view version) { return version.starts_with("3.11.") || version.starts_with("3.12."); }

Result<Python> ask_version(const fs::path& path, const CancelToken& cancel) {
  std::string answer;
  SPEEDSTER_ASSIGN(const ProcessResult result,
                   run_process({path.string(), "-I", "-c", "import platform; print(platform.python_version())"},
                               python_environment(), cancel, [&](std::string_view line) { answer = trim(line); }));
  if (result.exit_code != 0)
    return Error(ErrorKind::kNotFound, "[toolchain] expected a Python at " + path.string() + ", got exit code " +
                                           std::to_string(result.exit_code) + ": " + std::string(trim(result.tail)));
  return Python{path, answer};
}

Result<Python> choose_python(const InstallOptions& options) {
  const std::string set = options.python.empty() ? environment("SPEEDSTER_PYTHON") : options.python.string();
  if (!set.empty()) {
    const fs::path path = find_program(set);
    if (path.empty())
      return Error(ErrorKind::kNotFound, "[toolchain] expected a Python, got " + set + " which is not on PATH");
    SPEEDSTER_ASSIGN(Python python, ask_version(path, options.cancel));
    if (supported(python.version)) return python;
    return Error(ErrorKind::kUnsupported, "[toolchain] expected Python " + std::string(kSupported) + ", got " +
                                              python.version + " at " + path.string() + "; try SPEEDSTER_PYTHON=…");
  }
  std::string seen = "none";
  for (const std::string_view name : {"python3", "python3.12", "python3.11"}) {
    const fs::path path = find_program(name);
    if (path.empty()) continue;
    Result<Python> python = ask_version(path, options.cancel);
    if (python && supported(python->version)) return python;
    if (!python && python.error().kind() == ErrorKind::kCancelled) return python;
    if (python && seen == "none") seen = python->version + " at " + path.string();
  }
  return Error(ErrorKind::kUnsupported, "[toolchain] expected Python " + std::string(kSupported) + " on PATH, got " +
                                            seen + "; try installing python3 and python3-venv, or SPEEDSTER_PYTHON=…");
}

/// Imports each of the recipe's modules and ends with 0 if all are there.
std::vector<std::string> import_command(const std::string& python, const Recipe& recipe) {
  std::string script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)";
  std::vector<std::string> argv = {python, "-I", "-B", "-c", std::move(script)};
  argv.insert(argv.end(), recipe.imports.begin(), recipe.imports.end());
  return argv;
}

/// Runs one command of the installation: output into the log, lines to the caller.
class Runner {
 public:
  Runner(const fs::path& log, const InstallOptions& options)
      : path_(log), log_(log, std::ios::trunc), options_(options) {}

  Result<void> run(const std::vector<std::string>& argv, std::string_view what, std::string_view hint) {
    if (options_.progress) options_.progress(what);
    log_ << "$ " << join(argv, " ") << '\n';
    SPEEDSTER_ASSIGN(const ProcessResult result,
                     run_process(argv, python_environment(), options_.cancel, [&](std::string_view line) {
                       log_ << line << '\n' << std::flush;
                       if (options_.progress) options_.progress(line);
                     }));
    if (result.exit_code == 0) return {};
    const ErrorKind kind =
        result.tail.find("No space left on device") != std::string::npos ? ErrorKind::kNoSpace : ErrorKind::kVendor;
    return Error(kind, "[toolchain] expected " + std::string(what) + " to succeed, got exit code " +
                           std::to_string(result.exit_code) + "; try " + std::string(hint) +
                           " (log: " + path_.string() + ")\n" + std::string(trim(result.tail)));
  }

 private:
  fs::path path_;
  std::ofstream log_;
  const InstallOptions& options_;
};

Result<void> build(const Recipe& recipe, const Python& python, const fs::path& root, Runner& runner) {
  SPEEDSTER_TRY(runner.run({python.path.string(), "-I", "-m", "venv", root.string()}, "a virtual environment",
                           "installing python3-venv"));
  const std::string own = (root / "bin" / "python").string();
  SPEEDSTER_TRY(runner.run({own, "-I", "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary",
                            ":all:", "-r", (recipe.folder / "requirements.lock").string()},
                           "pip install " + recipe.name, "the log, the network or the package index"));
  return runner.run(import_command(own, recipe), "importing " + join(recipe.imports, ", "), "the log");
}

/// Points NAME/venv at the finished environment; a reader sees the old one or the new one.
Result<void> publish(const fs::path& home, const fs::path& environment) {
  const fs::path link = home / kLinkName;
  const fs::path fresh = home / (std::string(kLinkName) + ".new");
  std::error_code error;
  fs::remove(fresh, error);
  fs::create_directory_symlink(environment.filename(), fresh, error);
  if (!error) fs::rename(fresh, link, error);
  if (error) return errno_error(error.value(), kWho, "a link", link);
  return {};
}

}  // namespace

Result<void> check_imports(const Environment& environment, const CancelToken& cancel) {
  SPEEDSTER_ASSIGN(const Recipe recipe, find_recipe(environment.name));
  const auto cannot = [&](std::string_view got) {
    return Error(ErrorKind::kVendor, "[toolchain] expected " + environment.name + "'s environment to import " +
                                         join(recipe.imports, ", ") + ", got " + std::string(got) +
                                         "; try speedster toolchain install " + environment.name);
  };
  const CancelToken end;
  const Deadline deadline = Deadline::in(kImportSeconds);
  const std::jthread watch([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && !cancel.cancelled() && !deadline.passed())
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!stop.stop_requested()) end.cancel();
  });
  const auto run = run_process(import_command(environment.python.string(), recipe), python_environment(), end);
  if (!run.ok() && run.error().kind() == ErrorKind::kCancelled && !cancel.cancelled())
    return cannot("no answer in " + std::to_string(static_cast<int>(kImportSeconds)) + " s");
  if (!run.ok()) return run.error();
  if (run->exit_code == 0) return {};
  // The last line of a traceback says what went wrong.
  const std::string_view tail = trim(run->tail);
  const std::size_t line = tail.rfind('\n');
  const std::string_view last = line == std::string_view::npos ? tail : tail.substr(line + 1);
  return cannot(last.empty() ? "exit code " + std::to_string(run->exit_code) : std::string(last));
}

Result<Environment> install(std::string_view name, const InstallOptions& options) {
  SPEEDSTER_ASSIGN(const Recipe recipe, find_recipe(name));
  SPEEDSTER_ASSIGN(const FileLock lock, lock_toolchain(name, options.cancel));
  if (Result<Environment> present = read_environment(name);
      present && present->lock_digest == recipe.lock_digest && !options.force) {
    const Result<void> whole = check_imports(*present, options.cancel);
    if (whole) return present;
    if (whole.error().kind() == ErrorKind::kCancelled) return whole.error();
    if (options.progress) options.progress(whole.error().full_message());
  }

  const fs::path home = home_of(name);
  SPEEDSTER_TRY(make_directories(home));
  std::error_code ignored;
  sweep(name, fs::read_symlink(home / kLinkName, ignored));
  SPEEDSTER_ASSIGN(const Python python, choose_python(options));
  SPEEDSTER_ASSIGN(TempDir folder, TempDir::create(kEnvironmentPrefix, home));
  fs::permissions(folder.path(),
                  fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec,
                  fs::perm_options::add, ignored);
  Runner runner(home / kLogName, options);
  SPEEDSTER_TRY(build(recipe, python, folder.path(), runner));
  SPEEDSTER_TRY(write_file(folder.path() / kStampName, stamp_text(recipe, python.version)));
  SPEEDSTER_TRY(publish(home, folder.path()));
  sweep(name, folder.release());
  return read_environment(name);
}

}  // namespace speedster::toolchain
