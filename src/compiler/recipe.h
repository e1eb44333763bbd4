/// A recipe says how one candidate is made: compression steps on the ONNX graph, then a backend with its load options.
/// The plan is the list of recipes worth trying for a model on a machine; a candidates file states one explicitly.
#pragma once
#include <speedster/error.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "hardware/cpu.h"

namespace speedster::compiler {

/// One compression or conversion step before the backend compiles.
struct StepSpec {
  /// "rewrite", "migrate-scales", "quantize-static", "quantize-dynamic", "quantize-weights", "convert-half", "nncf"
  std::string step;
  std::string toolchain;  ///< empty = native, inside the worker
  Json options = Json::object();
};

struct Recipe {
  std::string name;  ///< unique: "openvino-static-int8-minmax"
  std::vector<StepSpec> steps;
  std::string backend;
  std::string format = "onnx";                 ///< what the backend is given after the steps
  std::map<std::string, std::string> options;  ///< the plug-in's load options
  std::string requested_precision = "fp32";
  std::vector<std::string> techniques;  ///< for people
  std::string not_possible;             ///< why it cannot work here, known beforehand; empty = try it
  bool vendor_defaults = false;         ///< threads stay as the vendor has them
  int threads = 0;                      ///< of one execution; 0 = the search's
};

/// What is known about the model before anything runs.
struct ModelFacts {
  std::map<std::string, std::size_t> operators;
  std::uint64_t weight_bytes = 0;
  bool already_quantized() const;
  bool has(std::string_view op) const { return operators.contains(std::string(op)); }
};

/// A row of the table of priors; what it does not name fits everything.
struct Prior {
  std::string candidate;         ///< a name, or a shell pattern
  std::vector<std::string> isa;  ///< "vnni" "bf16" "fp16": all of them
  std::string family;            ///< "convolutional" "products"
  double expected = 1;           ///< time over that of ONNX Runtime fp32
  int make = 0;                  ///< 0 the vendor's compilation alone, 1 a step of ours, 2 calibration, 3 a toolchain
};

/// A backend or toolchain as doctor sees it.
struct Availability {
  bool usable = false;
  std::string reason;  ///< with the command that mends it, where not usable
  std::string version;
  std::set<std::string> options;  ///< load options that the backend knows
};

struct PlanInput {
  ModelFacts model;
  hardware::Machine machine;
  std::map<std::string, Availability> backends;  ///< by plug-in name
  std::map<std::string, Availability> toolchains;
  std::size_t calibration_samples = 0;
  bool random_samples = false;
  std::vector<std::string> wanted_backends;    ///< empty = all
  std::vector<std::string> wanted_precisions;  ///< empty = all
  std::vector<std::string> exclude_nodes;
  std::vector<Prior> priors;                   ///< empty: all alike
  bool rewrite = true;                         ///< recipes begin with the lossless rewriting of the graph
  std::vector<std::string> disabled_passes;    ///< of it
  std::map<std::string, std::string> session;  ///< spinning, arena, streams, …: each for the backends that know it
};

/// Recipes in the order in which they are tried: cheap and promising first, as `priors` have it.
/// Those that cannot work here carry `not_possible`. Kind usage for an unknown backend or precision.
Result<std::vector<Recipe>> plan(const PlanInput& input);

/// The original of an ONNX file: ONNX Runtime, fp32, all graph optimizations; and the same at the vendor's own
/// defaults. Session settings apply to the original too, but for the optimization level: it keeps all.
Recipe original(const std::map<std::string, std::string>& session);
/// The settings that a backend knows. Kind usage for one that no backend here knows, and for what the search itself
/// sets: threads, contexts and the precision.
Result<std::map<std::string, std::string>> session_of(const PlanInput& input, const std::string& backend);
/// Notes on settings that a usable and wanted backend does not have: its candidates run without them.
std::vector<std::string> unknown_settings(const PlanInput& input);
/// `keep_threads`: the user named a number of threads; else that too is the vendor's own.
Recipe original_at_defaults(bool keep_threads);

/// A candidates file: {"original": {…}, "candidates": [{"name", "backend", "options", "steps", "precision",
/// "techniques"}]}.
struct CandidatesFile {
  std::optional<Recipe> original;
  std::vector<Recipe> candidates;
};
Result<CandidatesFile> read_candidates(const std::string& text);
Result<CandidatesFile> candidates_from_json(const Json& json);
Json to_json(const Recipe& recipe);
Result<Recipe> recipe_from_json(const Json& json);

/// True where a shell pattern of the list matches the text.
bool matches_any(const std::vector<std::string>& patterns, const std::string& text);

}  // namespace speedster::compiler
