#include "compiler/recipe.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/text.h"

namespace speedster::compiler {
namespace {

constexpr const char* kWho = "candidates";

Result<std::map<std::string, std::string>> options_from_json(const Json& json) {
  std::map<std::string, std::string> options;
  if (!json.contains("options")) return options;
  SPEEDSTER_ASSIGN(const Json* object, json_object(json, "options", kWho));
  for (const auto& [key, value] : object->items()) {
    if (value.is_string())
      options[key] = value.get<std::string>();
    else if (value.is_number() || value.is_boolean())
      options[key] = value.dump();
    else
      return Error(ErrorKind::kBadInput,
                   "[candidates] expected a string or number for option \"" + key + "\", got " + value.type_name());
  }
  return options;
}

}  // namespace

bool matches_any(const std::vector<std::string>& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0; });
}

bool ModelFacts::already_quantized() const {
  return has("QuantizeLinear") || has("QLinearConv") || has("QLinearMatMul") || has("MatMulInteger") ||
         has("ConvInteger") || has("DynamicQuantizeLinear");
}

Json to_json(const Recipe& recipe) {
  Json json = {{"name", recipe.name},
               {"backend", recipe.backend},
               {"format", recipe.format},
               {"precision", recipe.requested_precision},
               {"options", Json::object()},
               {"steps", Json::array()},
               {"techniques", recipe.techniques}};
  for (const auto& [key, value] : recipe.options) json["options"][key] = value;
  for (const StepSpec& step : recipe.steps) {
    Json item = {{"step", step.step}, {"options", step.options}};
    if (!step.toolchain.empty()) item["toolchain"] = step.toolchain;
    json["steps"].push_back(std::move(item));
  }
  if (recipe.vendor_defaults) json["vendor_defaults"] = true;
  if (recipe.threads > 0) json["threads"] = recipe.threads;
  return json;
}

Result<Recipe> recipe_from_json(const Json& json) {
  Recipe recipe;
  SPEEDSTER_ASSIGN(recipe.name, json_string(json, "name", kWho));
  SPEEDSTER_ASSIGN(recipe.backend, json_string(json, "backend", kWho));
  const bool plain = !recipe.name.empty() && recipe.name.size() <= 100 &&
                     recipe.name.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos &&
                     recipe.name.front() != '.';
  if (!plain)
    return Error(ErrorKind::kBadInput,
                 "[candidates] expected a name of letters, digits, '-', '_' and '.', got \"" + recipe.name + "\"");
  if (json.contains("format")) {
    SPEEDSTER_ASSIGN(recipe.format, json_string(json, "format", kWho));
  }
  if (json.contains("precision")) {
    SPEEDSTER_ASSIGN(recipe.requested_precision, json_string(json, "precision", kWho));
  }
  if (json.contains("techniques")) {
    SPEEDSTER_ASSIGN(recipe.techniques, json_strings(json, "techniques", kWho));
  }
  if (json.contains("vendor_defaults")) {
    SPEEDSTER_ASSIGN(recipe.vendor_defaults, json_bool(json, "vendor_defaults", kWho));
  }
  if (json.contains("threads")) {
    SPEEDSTER_ASSIGN(const std::int64_t threads, json_int(json, "threads", kWho));
    if (threads < 1 || threads > 4096)
      return Error(ErrorKind::kBadInput, "[candidates] expected \"threads\" of 1 to 4096 in " + recipe.name + ", got " +
                                             std::to_string(threads) + "; try to leave it out: then --threads counts");
    recipe.threads = static_cast<int>(threads);
  }
  SPEEDSTER_ASSIGN(recipe.options, options_from_json(json));
  if (!json.contains("steps")) return recipe;
  SPEEDSTER_ASSIGN(const Json* steps, json_array(json, "steps", kWho));
  for (const Json& item : *steps) {
    StepSpec step;
    SPEEDSTER_ASSIGN(step.step, json_string(item, "step", kWho));
    if (step.step == "simplify") step.step = "rewrite";  // what it was called before it had passes
    static const std::vector<std::string> kNative = {"rewrite",         "migrate-scales",   "quantize-dynamic",
                                                     "quantize-static", "quantize-weights", "convert-half"};
    if (!item.contains("toolchain") && std::find(kNative.begin(), kNative.end(), step.step) == kNative.end())
      return Error(ErrorKind::kBadInput, "[candidates] expected a step of " + join(kNative, ", ") +
                                             " or one with its \"toolchain\", got \"" + step.step + "\"");
    if (item.contains("toolchain")) {
      SPEEDSTER_ASSIGN(step.toolchain, json_string(item, "toolchain", kWho));
    }
    if (item.contains("options")) {
      SPEEDSTER_ASSIGN(const Json* options, json_object(item, "options", kWho));
      step.options = *options;
    }
    recipe.steps.push_back(std::move(step));
  }
  return recipe;
}

Result<CandidatesFile> candidates_from_json(const Json& json) {
  CandidatesFile file;
  if (json.is_object() && json.contains("original")) {
    SPEEDSTER_ASSIGN(Recipe recipe, recipe_from_json(json["original"]));
    file.original = std::move(recipe);
  }
  SPEEDSTER_ASSIGN(const Json* list, json_array(json, "candidates", kWho));
  std::set<std::string> names = {"original", "original-defaults"};
  for (const Json& item : *list) {
    SPEEDSTER_ASSIGN(Recipe recipe, recipe_from_json(item));
    if (!names.insert(recipe.name).second)
      return Error(ErrorKind::kBadInput,
                   "[candidates] expected distinct names (\"original\" is taken), got \"" + recipe.name + "\" again");
    file.candidates.push_back(std::move(recipe));
  }
  return file;
}

Result<CandidatesFile> read_candidates(const std::string& text) {
  auto parsed = parse_json(text, kWho);
  if (!parsed.ok())
    return std::move(parsed).error().wrap_as(ErrorKind::kBadInput, "[candidates] expected a JSON file of candidates");
  return candidates_from_json(*parsed);
}

}  // namespace speedster::compiler
