#include <algorithm>

#include "base/text.h"
#include "compiler/priors.h"
#include "compiler/recipe.h"

namespace speedster::compiler {
namespace {

/// What a recipe is asked to do, and what must be true for it to make sense.
struct Row {
  const char* name;
  const char* backend;
  const char* precision;       ///< in the user's words
  const char* quantizer = "";  ///< of static int8: the calibration of our own ("minmax", "percentile"), or "nncf"
  const char* rest = "fp32";   ///< what a quantized graph computes the rest in
};

// In which order they are tried is told by priors.json; among equals it is this one.
constexpr Row kRows[] = {
    {"openvino-fp32", "openvino", "fp32"},
    {"openvino-bf16", "openvino", "bf16"},
    {"onnxruntime-fp32", "onnxruntime", "fp32"},
    {"openvino-static-int8-minmax", "openvino", "static-int8", "minmax"},
    {"onnxruntime-static-int8-minmax", "onnxruntime", "static-int8", "minmax"},
    {"openvino-static-int8-minmax-bf16", "openvino", "static-int8", "minmax", "bf16"},
    {"onnxruntime-dynamic-int8", "onnxruntime", "dynamic-int8"},
    {"openvino-fp16", "openvino", "fp16"},
    {"openvino-static-int8-percentile", "openvino", "static-int8", "percentile"},
    {"onnxruntime-static-int8-percentile", "onnxruntime", "static-int8", "percentile"},
    {"openvino-static-int8-percentile-bf16", "openvino", "static-int8", "percentile", "bf16"},
    {"onnxruntime-fp16", "onnxruntime", "fp16"},
    {"onnxruntime-bf16", "onnxruntime", "bf16"},
    {"openvino-dynamic-int8", "openvino", "dynamic-int8"},
    {"openvino-nncf-int8", "openvino", "static-int8", "nncf"},
    {"openvino-nncf-int8-bf16", "openvino", "static-int8", "nncf", "bf16"},
    {"onnxruntime-weights-int8", "onnxruntime", "weights-int8"},
    {"onnxruntime-weights-int4", "onnxruntime", "weights-int4"},
};

constexpr std::string_view kPrecisions[] = {"fp32",        "bf16",         "fp16",        "dynamic-int8",
                                            "static-int8", "weights-int8", "weights-int4"};

/// Weights alone gain where calls are few rows against many weights, which the model does not tell: who names them gets
/// them.
bool must_be_named(std::string_view precision) { return precision.starts_with("weights-"); }

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// Whether the plan has candidates of this backend; the reference backend is for candidates files.
bool is_planned(std::string_view backend) {
  return std::ranges::any_of(kRows, [&](const Row& row) { return backend == row.backend; });
}

/// The steps, options and techniques of a row.
Recipe make(const Row& row, const PlanInput& input) {
  Recipe recipe;
  recipe.name = row.name;
  recipe.backend = row.backend;
  recipe.requested_precision = row.precision;
  const std::string_view quantizer = row.quantizer;
  Json nodes = Json(input.exclude_nodes);
  recipe.options["precision"] = row.rest;
  if (recipe.backend == "onnxruntime") recipe.options["optimization"] = "all";
  // What our quantizer leaves in floating point is left there on purpose.
  if (recipe.backend == "onnxruntime" && !quantizer.empty()) recipe.options["complete_quantization"] = "0";
  const auto backend = input.backends.find(recipe.backend);
  if (backend != input.backends.end())
    for (const auto& [key, value] : input.session)
      if (backend->second.options.contains(key)) recipe.options[key] = value;
  if (input.rewrite) recipe.steps.push_back({"rewrite", "", {{"disable", input.disabled_passes}}});
  if (quantizer == "nncf") {
    recipe.steps.push_back({"nncf", "nncf", {{"ignored_patterns", nodes}, {"vnni", input.machine.has_vnni()}}});
    recipe.format = "openvino-ir";
    recipe.techniques = {"NNCF post-training int8"};
  } else if (!quantizer.empty()) {
    recipe.steps.push_back({"quantize-static",
                            "",
                            {{"target", recipe.backend},
                             {"calibration", quantizer},
                             {"exclude", nodes},
                             {"vnni", input.machine.has_vnni()}}});
    recipe.techniques = {std::string("static int8 QDQ (") + (quantizer == "minmax" ? "min-max" : row.quantizer) + ")"};
  } else if (recipe.requested_precision.starts_with("weights-")) {
    const int bits = recipe.requested_precision == "weights-int4" ? 4 : 8;
    recipe.steps.push_back({"quantize-weights", "", {{"bits", bits}, {"exclude", nodes}}});
    recipe.techniques = {"weights in " + std::to_string(bits) + " bits, in blocks of 32"};
  } else if (recipe.requested_precision == "dynamic-int8") {
    recipe.steps.push_back(
        {"quantize-dynamic", "", {{"target", recipe.backend}, {"exclude", nodes}, {"vnni", input.machine.has_vnni()}}});
    recipe.techniques = {"dynamic int8 (MatMul)"};
  } else if (recipe.requested_precision == "fp16" || recipe.requested_precision == "bf16") {
    if (recipe.backend == "onnxruntime")
      recipe.steps.push_back({"convert-half", "", {{"kind", recipe.requested_precision}, {"exclude", nodes}}});
    else
      recipe.options["precision"] = recipe.requested_precision;
    recipe.techniques = {recipe.requested_precision};
  } else {
    recipe.techniques = {recipe.backend == "onnxruntime" ? "lossless rewriting" : "graph compilation"};
  }
  if (row.rest != std::string_view("fp32")) recipe.techniques.push_back(std::string("the rest in ") + row.rest);
  return recipe;
}

/// Why a recipe cannot work here; empty if it can.
std::string obstacle(const Recipe& recipe, const PlanInput& input) {
  const auto backend = input.backends.find(recipe.backend);
  if (backend == input.backends.end()) return "no plug-in named " + recipe.backend + " was found";
  if (!backend->second.usable) return backend->second.reason;
  for (const StepSpec& step : recipe.steps) {
    if (step.toolchain.empty()) continue;
    const auto toolchain = input.toolchains.find(step.toolchain);
    const bool known = toolchain != input.toolchains.end();
    if (known && !toolchain->second.usable && !toolchain->second.reason.empty()) return toolchain->second.reason;
    if (!known || !toolchain->second.usable)
      return "toolchain " + step.toolchain + " is not installed; try speedster toolchain install " + step.toolchain;
  }
  const std::string& precision = recipe.requested_precision;
  const bool int8 = precision.ends_with("int8") || must_be_named(precision);
  if (int8 && input.model.already_quantized()) return "the model is quantized already";
  if (precision == "static-int8") {
    if (input.random_samples) return "calibration needs real samples, got --data random";
    if (input.calibration_samples == 0) return "calibration needs samples, got none";
    if (!input.model.has("Conv") && !input.model.has("MatMul") && !input.model.has("Gemm"))
      return "the model has no Conv, MatMul or Gemm";
  }
  const bool products = input.model.has("MatMul") || input.model.has("Gemm");
  if (must_be_named(precision) && !products) return "the model has no MatMul or Gemm";
  if (precision == "dynamic-int8") {
    if (!products) return "the model has no MatMul or Gemm";
    if (recipe.backend == "openvino")
      return "OpenVINO on x86 runs the integer MatMul of a dynamically quantized graph in fp32";
  }
  if (recipe.backend == "openvino") {
    const std::string& hint = recipe.options.at("precision");
    if (hint == "bf16" && !input.machine.has_bf16())
      return "this processor has no bf16 instructions (avx512_bf16 or amx_bf16)";
    if (hint == "fp16" && !input.machine.has_fp16())
      return "this processor has no fp16 instructions (avx512_fp16); an fp16 hint runs as bf16 or fp32";
    if (hint != "fp32" && !input.exclude_nodes.empty())
      return "OpenVINO sets " + hint + " for the whole model, nodes cannot be left out; try without --exclude-nodes";
  }
  if (recipe.backend == "onnxruntime" && precision == "fp32" && recipe.steps.empty())
    return "without rewriting it is the original";
  if (recipe.backend == "onnxruntime" && precision == "bf16")
    return "ONNX Runtime has no bf16 kernels for this processor";
  return {};
}

}  // namespace

Recipe original(const std::map<std::string, std::string>& session) {
  Recipe recipe;
  recipe.name = "original";
  recipe.backend = "onnxruntime";
  recipe.options = {{"precision", "fp32"}, {"optimization", "all"}};
  for (const auto& [key, value] : session)
    if (key != "optimization") recipe.options[key] = value;
  recipe.techniques = {"none"};
  return recipe;
}

Result<std::map<std::string, std::string>> session_of(const PlanInput& input, const std::string& backend) {
  std::map<std::string, std::string> known;
  std::set<std::string> all;
  for (const auto& [name, availability] : input.backends)
    if (availability.usable && is_planned(name)) all.insert(availability.options.begin(), availability.options.end());
  constexpr std::pair<std::string_view, const char*> kOwn[] = {
      {"threads", "--threads"}, {"contexts", "--concurrency"}, {"precision", "--precisions"}};
  for (const auto& [key, option] : kOwn) {
    all.erase(std::string(key));
    if (input.session.contains(std::string(key)))
      return Error(ErrorKind::kUsage, "[plan] expected a session setting that the search leaves to the user, got \"" +
                                          std::string(key) + "\"; try " + option);
  }
  const auto own = input.backends.find(backend);
  for (const auto& [key, value] : input.session) {
    if (!all.empty() && !all.contains(key))
      return Error(ErrorKind::kUsage,
                   "[plan] expected a session setting of " + join(all, ", ") + ", got \"" + key + "\"");
    if (own != input.backends.end() && own->second.options.contains(key)) known[key] = value;
  }
  return known;
}

std::vector<std::string> unknown_settings(const PlanInput& input) {
  std::vector<std::string> notes;
  for (const auto& [name, backend] : input.backends) {
    const bool wanted = input.wanted_backends.empty() || contains(input.wanted_backends, name);
    if (!backend.usable || !wanted || !is_planned(name)) continue;
    for (const auto& [key, value] : input.session)
      if (!backend.options.contains(key))
        notes.push_back(name + " has no session setting " + key + ": its candidates run without it");
  }
  return notes;
}

Recipe original_at_defaults(bool keep_threads) {
  Recipe recipe;
  recipe.name = "original-defaults";
  recipe.backend = "onnxruntime";
  recipe.options = {{"precision", "fp32"}};
  if (!keep_threads) recipe.options["threads"] = "0";
  recipe.techniques = {"none (ONNX Runtime's defaults)"};
  recipe.vendor_defaults = true;
  return recipe;
}

Result<std::vector<Recipe>> plan(const PlanInput& input) {
  std::set<std::string> known;
  for (const Row& row : kRows) known.insert(row.backend);
  for (const std::string& wanted : input.wanted_backends)
    if (!known.contains(wanted))
      return Error(ErrorKind::kUsage, "[plan] expected a backend of " + join(known, ", ") + ", got \"" + wanted + "\"");
  for (const std::string& wanted : input.wanted_precisions)
    if (std::find(std::begin(kPrecisions), std::end(kPrecisions), wanted) == std::end(kPrecisions))
      return Error(ErrorKind::kUsage,
                   "[plan] expected a precision of " + join(kPrecisions, ", ") + ", got \"" + wanted + "\"");

  const std::string_view family = family_of(input.model);
  std::vector<Row> rows(std::begin(kRows), std::end(kRows));
  const auto prior = [&](const std::string& name) { return prior_of(input.priors, name, input.machine, family); };
  std::ranges::stable_sort(rows, {}, [&](const Row& row) { return rank_of(prior(row.name)); });
  std::vector<Recipe> recipes;
  for (const Row& row : rows) {
    if (!input.wanted_backends.empty() && !contains(input.wanted_backends, row.backend)) continue;
    const bool wanted = input.wanted_precisions.empty() ? !must_be_named(row.precision)
                                                        : contains(input.wanted_precisions, row.precision);
    if (!wanted) continue;
    Recipe recipe = make(row, input);
    recipe.not_possible = obstacle(recipe, input);
    recipes.push_back(std::move(recipe));
  }
  // Whatever becomes of the promising ones, a short search has one by then that only had to be compiled.
  const auto at_hand = std::ranges::find_if(recipes, [&](const Recipe& recipe) {
    const Prior* expected = prior(recipe.name);
    return recipe.not_possible.empty() && expected && expected->make == 0 && expected->expected < 1;
  });
  if (at_hand != recipes.end()) std::rotate(recipes.begin(), at_hand, at_hand + 1);
  return recipes;
}

}  // namespace speedster::compiler
