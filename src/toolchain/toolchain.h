/// Toolchains: a vendor's Python packages in a virtual environment of their own, made from a lock file with digests,
/// and the steps (scripts) that run in it. What an environment holds and when it counts as there:
///   data_directory()/toolchains/NAME/env-XXXXXX/   one finished or unfinished environment, never moved
///   data_directory()/toolchains/NAME/venv          a link to the finished one; made last, by a rename
/// so an interrupted installation leaves what was there before.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"

namespace speedster::toolchain {

/// A script that obeys the job contract of docs/design/worker.md: its only argument is the job's folder.
struct Step {
  std::string name;                       ///< "nncf"
  std::string kind;                       ///< "convert", "compress" or "compile"
  int version = 1;                        ///< raised when the same request gives another result
  std::filesystem::path script;           ///< absolute
  std::vector<std::string> takes, gives;  ///< formats
  std::string data;                       ///< "none", "unlabelled", "labelled", "training"
  Json options = Json::object();          ///< key → {"type", "values", "default", "help"}
};

/// The folder toolchains/NAME: step.json, requirements.lock and the scripts.
struct Recipe {
  std::string name, summary;
  std::filesystem::path folder;
  std::vector<std::string> imports;             ///< modules that a fresh environment must be able to import
  std::map<std::string, std::string> packages;  ///< pinned versions of the lock
  std::string lock_digest;                      ///< SHA-256 of requirements.lock
  std::vector<Step> steps;
};

/// The folders that hold recipes: SPEEDSTER_TOOLCHAIN_PATH (':'-separated), else share/speedster/toolchains beside the
/// library or executable that this code is in.
std::vector<std::filesystem::path> recipe_folders();
/// Kind not found for an unknown name (the message lists the known), corrupt for a recipe that cannot be read.
Result<Recipe> find_recipe(std::string_view name);
/// The names of all recipes, sorted.
std::vector<std::string> list_recipes();

/// What is installed.
struct Environment {
  std::string name;
  std::filesystem::path root;                   ///< …/NAME/venv
  std::filesystem::path python;                 ///< its interpreter
  std::string python_version;                   ///< "3.11.2"
  std::map<std::string, std::string> packages;  ///< what the lock pinned when it was made
  std::string lock_digest;
  std::uint64_t bytes = 0;  ///< on disk; filled by list() only
};

/// Kind not found if it was never installed, with the command that installs it.
Result<Environment> find(std::string_view name);

/// One row of `speedster toolchain list`: a recipe, an environment, or both.
struct Row {
  std::string name, summary;
  bool installed = false;
  bool outdated = false;                        ///< made from another lock than the recipe's
  std::string problem;                          ///< why the recipe or the environment cannot be used; empty if it can
  Environment environment;                      ///< where installed
  std::map<std::string, std::string> packages;  ///< of the environment, else of the recipe
};
/// `with_bytes`: also what each environment takes on disk, which means looking at every file.
std::vector<Row> list(bool with_bytes = false);

/// Imports the modules that the recipe names, in the environment's interpreter (seconds). Kind vendor where one cannot
/// be: a damaged environment; the message has the traceback's last line.
Result<void> check_imports(const Environment& environment, const CancelToken& cancel = {});

struct InstallOptions {
  /// The interpreter to build from; empty: SPEEDSTER_PYTHON, else the first supported on PATH.
  std::filesystem::path python;
  bool force = false;  ///< build anew even if the environment is up to date
  CancelToken cancel;
  std::function<void(std::string_view)> progress;  ///< lines for people, from the calling thread
};
/// Makes the environment, or returns the one that is up to date and whole (check_imports). Takes a lock: a second
/// caller waits for the first. pip's output goes to NAME/install.log. Kinds: not found (recipe, Python), unsupported
/// (Python version), vendor (pip failed; the message ends with its last lines), cancelled, no space, permission.
Result<Environment> install(std::string_view name, const InstallOptions& options = {});
/// Removes the environment and what interrupted installations left. Kind not found if nothing was there. Returns bytes
/// freed.
Result<std::uint64_t> remove(std::string_view name);

/// The argv that runs a step on a job's folder: the environment's interpreter, isolated from the user's packages.
std::vector<std::string> command(const Environment& environment, const Step& step, const std::filesystem::path& job);

}  // namespace speedster::toolchain
