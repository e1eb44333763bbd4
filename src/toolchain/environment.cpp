#include "toolchain/environment.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <thread>

#include "base/files.h"
#include "base/text.h"

namespace speedster::toolchain {

namespace {
constexpr std::string_view kWho = "toolchain";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}
}  // namespace

fs::path home_of(std::string_view name) { return data_directory() / "toolchains" / name; }

std::string stamp_text(const Recipe& recipe, std::string_view python_version) {
  return to_text(Json{{"toolchain", recipe.name},
                      {"lock_sha256", recipe.lock_digest},
                      {"python", python_version},
                      {"packages", recipe.packages}},
                 2);
}

Result<Environment> read_environment(std::string_view name) {
  Environment environment;
  environment.name = name;
  environment.root = home_of(name) / kLinkName;
  environment.python = environment.root / "bin" / "python";
  SPEEDSTER_ASSIGN(const std::string text, read_file(environment.root / kStampName));
  SPEEDSTER_ASSIGN(const Json stamp, parse_json(text, kWho));
  SPEEDSTER_ASSIGN(environment.lock_digest, json_string(stamp, "lock_sha256", kWho));
  SPEEDSTER_ASSIGN(environment.python_version, json_string(stamp, "python", kWho));
  SPEEDSTER_ASSIGN(const Json* packages, json_object(stamp, "packages", kWho));
  for (const auto& [package, version] : packages->items())
    if (version.is_string()) environment.packages.emplace(package, version.get<std::string>());
  if (::access(environment.python.c_str(), X_OK) != 0)
    return Error(ErrorKind::kNotFound,
                 "[toolchain] expected the interpreter " + environment.python.string() +
                     ", got none (was the system's Python removed?); try speedster toolchain install " +
                     environment.name);
  return environment;
}

Result<Environment> find(std::string_view name) {
  SPEEDSTER_ASSIGN(const Recipe recipe, find_recipe(name));
  if (!is_there(home_of(name) / kLinkName))
    return Error(ErrorKind::kNotFound, "[toolchain] expected the toolchain " + recipe.name +
                                           ", got none installed; try speedster toolchain install " + recipe.name);
  return read_environment(name);
}

std::vector<Row> list(bool with_bytes) {
  std::set<std::string> names;
  for (std::string& name : list_recipes()) names.insert(std::move(name));
  std::error_code error;
  for (fs::directory_iterator it(data_directory() / "toolchains", error), end; !error && it != end; it.increment(error))
    if (is_there(it->path() / kLinkName)) names.insert(it->path().filename().string());

  std::vector<Row> rows;
  for (const std::string& name : names) {
    Row row;
    row.name = name;
    Result<Recipe> recipe = find_recipe(name);
    if (recipe) {
      row.summary = recipe->summary;
      row.packages = recipe->packages;
    } else {
      row.problem = recipe.error().full_message();
    }
    row.installed = is_there(home_of(name) / kLinkName);
    if (row.installed) {
      Result<Environment> environment = read_environment(name);
      if (environment) {
        row.environment = std::move(environment).value();
        if (with_bytes) row.environment.bytes = directory_size(fs::path(row.environment.root) / "");
        row.packages = row.environment.packages;
        row.outdated = recipe.ok() && recipe->lock_digest != row.environment.lock_digest;
      } else if (row.problem.empty()) {
        row.problem = environment.error().full_message();
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<FileLock> lock_toolchain(std::string_view name, const CancelToken& cancel) {
  const fs::path home = home_of(name);
  SPEEDSTER_TRY(make_directories(home.parent_path()));
  while (true) {
    SPEEDSTER_ASSIGN(std::optional<FileLock> lock,
                     FileLock::try_take(home.string() + ".lock", FileLock::Mode::kExclusive));
    if (lock) return *std::move(lock);
    if (cancel.cancelled())
      return Error(ErrorKind::kCancelled, "[toolchain] cancelled while another process installs " + std::string(name));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

std::uint64_t sweep(std::string_view name, const fs::path& keep) {
  std::uint64_t freed = 0;
  std::vector<fs::path> old;
  std::error_code error;
  for (fs::directory_iterator it(home_of(name), error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().starts_with(kEnvironmentPrefix) && it->path().filename() != keep.filename())
      old.push_back(it->path());
  for (const fs::path& path : old) {
    freed += directory_size(path);
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  return freed;
}

Result<std::uint64_t> remove(std::string_view name) {
  const fs::path home = home_of(name);
  const bool plain = name.find('/') == std::string_view::npos && !name.empty() && name.front() != '.';
  if (!plain || !is_there(home))
    return Error(ErrorKind::kNotFound, "[toolchain] expected an installed toolchain, got \"" + std::string(name) +
                                           "\"; try speedster toolchain list");
  SPEEDSTER_ASSIGN(const FileLock lock, lock_toolchain(name, {}));
  std::error_code error;
  // The link goes first: from then on nobody finds a half-removed environment.
  fs::remove(home / kLinkName, error);
  if (error) return errno_error(error.value(), kWho, "a removable link", home / kLinkName);
  const std::uint64_t freed = sweep(name, {});
  SPEEDSTER_TRY(remove_directory(home));
  lock.remove();
  return freed;
}

std::vector<std::string> command(const Environment& environment, const Step& step, const fs::path& job) {
  // -I: no user site-packages, no PYTHON* variables, no script folder on the path. -B: nothing is written beside the
  // script.
  return {environment.python.string(), "-I", "-B", "-u", step.script.string(), job.string()};
}

}  // namespace speedster::toolchain
