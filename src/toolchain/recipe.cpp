#include <dlfcn.h>

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "toolchain/toolchain.h"

namespace speedster::toolchain {

namespace {

constexpr std::string_view kWho = "toolchain";
constexpr std::uint64_t kFileLimit = std::uint64_t{1} << 20U;

/// The file that holds this code: the shared library, or the executable where it is linked in.
fs::path own_file() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_file), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  // An executable found by PATH is known to dladdr by its bare name only.
  const fs::path name(info.dli_fname);
  const fs::path file = name.has_parent_path() ? name : fs::path("/proc/self/exe");
  const fs::path real = fs::canonical(file, error);
  return error ? fs::path() : real;
}

/// A name that cannot be a path.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

/// "name==version \" lines of a lock; digests and comments are pip's business.
std::map<std::string, std::string> pins(std::string_view lock) {
  std::map<std::string, std::string> result;
  for (const std::string& line : split(lock, '\n')) {
    const std::string_view text = trim(line);
    const std::size_t at = text.find("==");
    if (text.empty() || text.front() == '#' || text.front() == '-' || at == std::string_view::npos) continue;
    const std::string_view version = text.substr(at + 2);
    result.emplace(text.substr(0, at), version.substr(0, version.find_first_of(" \t;\\")));
  }
  return result;
}

Result<Step> parse_step(const Json& json, const fs::path& folder) {
  Step step;
  SPEEDSTER_ASSIGN(step.name, json_string(json, "name", kWho));
  SPEEDSTER_ASSIGN(step.kind, json_string(json, "kind", kWho));
  SPEEDSTER_ASSIGN(const std::int64_t version, json_int(json, "version", kWho));
  step.version = static_cast<int>(version);
  SPEEDSTER_ASSIGN(const std::string script, json_string(json, "script", kWho));
  SPEEDSTER_ASSIGN(step.script, inside(folder, script, kWho));
  SPEEDSTER_ASSIGN(step.takes, json_strings(json, "takes", kWho));
  SPEEDSTER_ASSIGN(step.gives, json_strings(json, "gives", kWho));
  SPEEDSTER_ASSIGN(step.data, json_string(json, "data", kWho));
  SPEEDSTER_ASSIGN(const Json* options, json_object(json, "options", kWho));
  step.options = *options;
  return step;
}

Result<Recipe> read_recipe(const fs::path& folder, std::string_view name) {
  Recipe recipe;
  recipe.name = name;
  recipe.folder = folder;
  SPEEDSTER_ASSIGN(const std::string text, read_file(folder / "step.json", kFileLimit));
  SPEEDSTER_ASSIGN(const Json json, parse_json(text, kWho));
  SPEEDSTER_ASSIGN(recipe.summary, json_string(json, "summary", kWho));
  SPEEDSTER_ASSIGN(recipe.imports, json_strings(json, "imports", kWho));
  SPEEDSTER_ASSIGN(const Json* steps, json_array(json, "steps", kWho));
  for (const Json& entry : *steps) {
    SPEEDSTER_ASSIGN(Step step, parse_step(entry, folder));
    recipe.steps.push_back(std::move(step));
  }
  SPEEDSTER_ASSIGN(const std::string lock, read_file(folder / "requirements.lock", kFileLimit));
  recipe.packages = pins(lock);
  recipe.lock_digest = sha256(lock);
  if (recipe.packages.empty())
    return Error(ErrorKind::kCorrupt, "[toolchain] expected pinned packages in " +
                                          (folder / "requirements.lock").string() +
                                          ", got none; try toolchains/lock.py " + recipe.name);
  return recipe;
}

}  // namespace

std::vector<fs::path> recipe_folders() {
  std::vector<fs::path> folders;
  if (const std::string path = environment("SPEEDSTER_TOOLCHAIN_PATH"); !path.empty()) {
    for (const std::string& folder : split(path, ':'))
      if (!folder.empty()) folders.emplace_back(folder);
    return folders;
  }
  // A library may lie in lib/ or, on multi-architecture systems, a level deeper.
  fs::path above = own_file().parent_path();
  for (int level = 0; level < 3 && above.has_relative_path(); ++level) {
    above = above.parent_path();
    folders.push_back(above / "share" / "speedster" / "toolchains");
  }
  return folders;
}

std::vector<std::string> list_recipes() {
  std::set<std::string> names;
  for (const fs::path& folder : recipe_folders()) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      std::error_code ignored;
      if (is_name(name) && fs::is_regular_file(it->path() / "step.json", ignored)) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

Result<Recipe> find_recipe(std::string_view name) {
  if (is_name(name)) {
    for (const fs::path& folder : recipe_folders()) {
      std::error_code ignored;
      if (!fs::is_regular_file(folder / name / "step.json", ignored)) continue;
      Result<Recipe> recipe = read_recipe(folder / name, name);
      if (!recipe) return std::move(recipe).error().wrap("[toolchain] expected a readable recipe " + std::string(name));
      return recipe;
    }
  }
  const std::vector<std::string> known = list_recipes();
  std::string hint = known.empty() ? "SPEEDSTER_TOOLCHAIN_PATH, no recipe was found" : "one of " + join(known, ", ");
  return Error(ErrorKind::kNotFound,
               "[toolchain] expected the name of a toolchain, got \"" + std::string(name) + "\"; try " + hint);
}

}  // namespace speedster::toolchain
