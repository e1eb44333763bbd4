#include <gmock/gmock.h>

#include "compiler/recipe.h"

namespace speedster::compiler {
namespace {

using ::testing::HasSubstr;

PlanInput everything() {
  PlanInput input;
  input.model.operators = {{"Conv", 3}, {"MatMul", 2}, {"Relu", 3}};
  input.machine.isa = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16"};
  input.backends["onnxruntime"] = {true, {}, "1.31.1", {"precision", "optimization", "spinning", "arena"}};
  input.backends["openvino"] = {true, {}, "2026.4.1", {"precision", "streams", "hint"}};
  input.toolchains["nncf"] = {true, {}, "3.4.0", {}};
  input.calibration_samples = 64;
  return input;
}

std::vector<Recipe> planned(const PlanInput& input) {
  auto recipes = plan(input);
  EXPECT_TRUE(recipes.ok()) << recipes.error().full_message();
  return recipes.ok() ? *std::move(recipes) : std::vector<Recipe>{};
}

const Recipe& named(const std::vector<Recipe>& recipes, const std::string& name) {
  for (const Recipe& recipe : recipes)
    if (recipe.name == name) return recipe;
  throw std::runtime_error("no recipe named " + name);
}

TEST(Plan, PrecisionIsAlwaysExplicit) {
  for (const Recipe& recipe : planned(everything())) EXPECT_TRUE(recipe.options.contains("precision")) << recipe.name;
  EXPECT_EQ(original({}).options.at("precision"), "fp32");
  EXPECT_EQ(original({}).options.at("optimization"), "all");
}

TEST(Plan, WhoQuantizesKnowsWhetherProductsSaturate) {
  PlanInput input = everything();
  for (const bool vnni : {true, false}) {
    if (!vnni) input.machine.isa = {"avx2"};
    int told = 0;
    for (const Recipe& recipe : planned(input))
      for (const StepSpec& step : recipe.steps)
        if (const auto found = step.options.find("vnni"); found != step.options.end()) {
          EXPECT_EQ(*found, Json(vnni)) << recipe.name << " " << step.step;
          ++told;
        }
    EXPECT_GE(told, 6) << "static for both backends twice, dynamic, nncf";
  }
}

TEST(Plan, TheOtherOriginalLeavesEverythingButThePrecisionToTheVendor) {
  const Recipe defaults = original_at_defaults(/*keep_threads=*/false);
  EXPECT_TRUE(defaults.vendor_defaults);
  EXPECT_EQ(defaults.backend, original({}).backend);
  EXPECT_EQ(defaults.options, (std::map<std::string, std::string>{{"precision", "fp32"}, {"threads", "0"}}));
  EXPECT_FALSE(original_at_defaults(/*keep_threads=*/true).options.contains("threads"))
      << "those that the user asked for";
  const auto again = recipe_from_json(to_json(defaults));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_TRUE(again->vendor_defaults) << "a report's chain repeats it";
}

TEST(Plan, WhatTheProcessorLacksIsARowWithItsReason) {
  PlanInput input = everything();
  const std::vector<std::string> bf16 = {"openvino-bf16", "openvino-static-int8-minmax-bf16",
                                         "openvino-static-int8-percentile-bf16", "openvino-nncf-int8-bf16"};
  for (const std::string& name : bf16) EXPECT_EQ(named(planned(input), name).not_possible, "") << name;
  input.machine.isa = {"avx2"};
  const auto recipes = planned(input);
  for (const std::string& name : bf16)
    EXPECT_THAT(named(recipes, name).not_possible, HasSubstr("no bf16 instructions")) << name;
  EXPECT_EQ(named(recipes, "openvino-fp32").not_possible, "");
}

TEST(Plan, AQuantizedGraphIsAlsoTriedWithTheRestInBfloat16) {
  const auto recipes = planned(everything());
  for (const std::string name :
       {"openvino-static-int8-minmax", "openvino-static-int8-percentile", "openvino-nncf-int8"}) {
    const Recipe& plain = named(recipes, name);
    const Recipe& half = named(recipes, name + "-bf16");
    EXPECT_EQ(plain.options.at("precision"), "fp32") << name;
    EXPECT_EQ(half.options.at("precision"), "bf16") << name;
    ASSERT_EQ(half.steps.size(), 2U) << name;
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_EQ(half.steps[i].options, plain.steps[i].options) << name << ": the same graph, made once";
    EXPECT_EQ(half.requested_precision, "static-int8");
  }
}

TEST(Plan, AMissingBackendOrToolchainNamesItsRemedy) {
  PlanInput input = everything();
  input.backends["openvino"] = {false, "not there; try `speedster toolchain install openvino`", {}, {}};
  input.toolchains.clear();
  const auto recipes = planned(input);
  EXPECT_THAT(named(recipes, "openvino-fp32").not_possible, HasSubstr("toolchain install openvino"));
  input.backends["openvino"].usable = true;
  EXPECT_THAT(named(planned(input), "openvino-nncf-int8").not_possible, HasSubstr("toolchain install nncf"));
  input.toolchains["nncf"] = {false, "its interpreter is gone", {}, {}};
  EXPECT_EQ(named(planned(input), "openvino-nncf-int8").not_possible, "its interpreter is gone");
}

TEST(Plan, RandomSamplesDoNotCalibrate) {
  PlanInput input = everything();
  input.random_samples = true;
  for (const Recipe& recipe : planned(input)) {
    if (recipe.requested_precision == "static-int8") {
      EXPECT_THAT(recipe.not_possible, HasSubstr("real samples")) << recipe.name;
    }
  }
}

TEST(Plan, QuantizedModelsAreNotQuantizedAgain) {
  PlanInput input = everything();
  input.model.operators["QuantizeLinear"] = 4;
  EXPECT_THAT(named(planned(input), "onnxruntime-static-int8-minmax").not_possible, HasSubstr("quantized already"));
}

TEST(Plan, SettingsReachTheBackendsThatKnowThem) {
  PlanInput input = everything();
  input.session = {{"spinning", "0"}, {"streams", "2"}, {"optimization", "basic"}};
  const auto recipes = planned(input);
  EXPECT_EQ(named(recipes, "onnxruntime-static-int8-minmax").options.at("spinning"), "0");
  EXPECT_EQ(named(recipes, "onnxruntime-static-int8-minmax").options.at("optimization"), "basic");
  EXPECT_FALSE(named(recipes, "onnxruntime-static-int8-minmax").options.contains("streams"));
  EXPECT_EQ(named(recipes, "openvino-fp32").options.at("streams"), "2");
  EXPECT_FALSE(named(recipes, "openvino-fp32").options.contains("spinning"));

  const auto session = session_of(input, "onnxruntime");
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(original(*session).options.at("spinning"), "0");
  EXPECT_EQ(original(*session).options.at("optimization"), "all") << "the original keeps every optimization";
  EXPECT_FALSE(original(*session).options.contains("streams"));
  input.session = {{"spining", "0"}};
  input.backends["reference"] = {true, {}, "1", {"fault"}};
  const auto unknown = session_of(input, "onnxruntime");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(unknown.error().message(), HasSubstr("spinning"));
  EXPECT_THAT(unknown.error().message(), ::testing::Not(HasSubstr("fault")))
      << "of a backend without planned candidates";
}

TEST(Plan, SettingsThatABackendLacksAreNamed) {
  PlanInput input = everything();
  input.session["arena"] = "0";
  EXPECT_THAT(unknown_settings(input),
              ::testing::ElementsAre("openvino has no session setting arena: its candidates run without it"));
  input.wanted_backends = {"onnxruntime"};
  EXPECT_THAT(unknown_settings(input), ::testing::IsEmpty());
}

TEST(Plan, WhatTheSearchItselfSetsIsNoSessionSetting) {
  for (const auto& [key, option] : std::map<std::string, std::string>{
           {"precision", "--precisions"}, {"threads", "--threads"}, {"contexts", "--concurrency"}}) {
    PlanInput input = everything();
    input.session[key] = "2";
    const auto refused = session_of(input, "onnxruntime");
    ASSERT_FALSE(refused.ok()) << key;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUsage);
    EXPECT_THAT(refused.error().message(), HasSubstr("try " + option));
  }
}

TEST(Plan, ExcludedNodesReachEveryStepOrTheRowSaysSo) {
  PlanInput input = everything();
  input.exclude_nodes = {"/head/*"};
  for (const Recipe& recipe : planned(input)) {
    if (recipe.not_possible.empty() && recipe.requested_precision != "fp32") {
      ASSERT_EQ(recipe.steps.size(), 2U) << recipe.name;
      const Json& options = recipe.steps[1].options;
      EXPECT_EQ(options.contains("exclude") ? options["exclude"] : options["ignored_patterns"], Json({"/head/*"}))
          << recipe.name;
    }
  }
  EXPECT_THAT(named(planned(input), "openvino-bf16").not_possible, HasSubstr("--exclude-nodes"));
}

TEST(Plan, EveryRecipeBeginsWithTheRewritingUnlessThereIsNone) {
  PlanInput input = everything();
  input.disabled_passes = {"affine-after"};
  for (const Recipe& recipe : planned(input)) {
    ASSERT_FALSE(recipe.steps.empty()) << recipe.name;
    EXPECT_EQ(recipe.steps[0].step, "rewrite") << recipe.name;
    EXPECT_EQ(recipe.steps[0].options, (Json{{"disable", {"affine-after"}}})) << recipe.name << ": one job for all";
  }
  EXPECT_TRUE(original({}).steps.empty());
  EXPECT_TRUE(original_at_defaults(false).steps.empty());
  EXPECT_EQ(named(planned(input), "onnxruntime-fp32").not_possible, "");
  input.rewrite = false;
  for (const Recipe& recipe : planned(input))
    for (const StepSpec& step : recipe.steps) EXPECT_NE(step.step, "rewrite") << recipe.name;
  EXPECT_THAT(named(planned(input), "onnxruntime-fp32").not_possible, HasSubstr("it is the original"));
}

TEST(Plan, OnlyWhatIsWanted) {
  PlanInput input = everything();
  input.wanted_backends = {"openvino"};
  input.wanted_precisions = {"fp32", "static-int8"};
  std::vector<std::string> names;
  for (const Recipe& recipe : planned(input)) names.push_back(recipe.name);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre(
                         "openvino-fp32", "openvino-static-int8-minmax", "openvino-static-int8-minmax-bf16",
                         "openvino-static-int8-percentile", "openvino-static-int8-percentile-bf16",
                         "openvino-nncf-int8", "openvino-nncf-int8-bf16"));
  input.wanted_backends = {"tvm"};
  EXPECT_EQ(plan(input).error().kind(), ErrorKind::kUsage);
}

TEST(Plan, WeightsAloneWhereTheyAreNamed) {
  PlanInput input = everything();
  for (const Recipe& recipe : planned(input)) EXPECT_FALSE(recipe.name.find("weights") != std::string::npos);
  input.wanted_precisions = {"weights-int4", "weights-int8"};
  const auto recipes = planned(input);
  ASSERT_EQ(recipes.size(), 2U);
  EXPECT_EQ(named(recipes, "onnxruntime-weights-int4").steps.back().options["bits"], 4);
  EXPECT_EQ(named(recipes, "onnxruntime-weights-int8").steps.back().options["bits"], 8);
  EXPECT_EQ(named(recipes, "onnxruntime-weights-int8").not_possible, "");
  input.model.operators = {{"Conv", 3}};
  EXPECT_THAT(named(planned(input), "onnxruntime-weights-int4").not_possible, HasSubstr("no MatMul"));
}

TEST(Plan, DynamicInt8IsForMatMulsAlone) {
  PlanInput input = everything();
  EXPECT_EQ(named(planned(input), "onnxruntime-dynamic-int8").not_possible, "");
  input.model.operators = {{"Conv", 3}};
  EXPECT_THAT(named(planned(input), "onnxruntime-dynamic-int8").not_possible, HasSubstr("no MatMul"));
}

}  // namespace
}  // namespace speedster::compiler
