#include <gmock/gmock.h>

#include "compiler/recipe.h"

namespace speedster::compiler {
namespace {

TEST(Recipe, SurvivesItsJsonForm) {
  Recipe recipe;
  recipe.name = "mine";
  recipe.backend = "openvino";
  recipe.format = "openvino-ir";
  recipe.options = {{"precision", "bf16"}};
  recipe.requested_precision = "bf16";
  recipe.techniques = {"a", "b"};
  recipe.steps.push_back({"nncf", "nncf", {{"subset_size", 10}}});
  const auto again = recipe_from_json(to_json(recipe));
  ASSERT_TRUE(again.ok()) << again.error().full_message();
  EXPECT_EQ(to_json(*again), to_json(recipe));
}

TEST(Recipe, ACandidatesFile) {
  const auto file = read_candidates(R"({"original": {"name": "o", "backend": "reference"},
                                        "candidates": [{"name": "a", "backend": "reference", "options": {"delay_us": 5}}]})");
  ASSERT_TRUE(file.ok()) << file.error().full_message();
  EXPECT_EQ(file->original->backend, "reference");
  ASSERT_EQ(file->candidates.size(), 1U);
  EXPECT_EQ(file->candidates[0].options.at("delay_us"), "5");
}

TEST(Recipe, TheRewritingIsKnownByItsOldNameToo) {
  const auto file = read_candidates(
      R"({"candidates": [{"name": "a", "backend": "reference", "steps": [{"step": "simplify"}, {"step": "rewrite"}]}]})");
  ASSERT_TRUE(file.ok()) << file.error().full_message();
  ASSERT_EQ(file->candidates[0].steps.size(), 2U);
  for (const StepSpec& step : file->candidates[0].steps) EXPECT_EQ(step.step, "rewrite");
}

TEST(Recipe, WhatIsWrongWithAFileIsBadInput) {
  for (const char* text :
       {"", "[]", "{", R"({"candidates": 3})", R"({"candidates": [{"backend": "reference"}]})",
        R"({"candidates": [{"name": "a/../b", "backend": "reference"}]})",
        R"({"candidates": [{"name": ".a", "backend": "reference"}]})",
        R"({"candidates": [{"name": "a", "backend": "reference"}, {"name": "a", "backend": "reference"}]})",
        R"({"candidates": [{"name": "original", "backend": "reference"}]})",
        R"({"candidates": [{"name": "a", "backend": "reference", "options": {"x": []}}]})",
        R"({"candidates": [{"name": "a", "backend": "reference", "steps": [{}]}]})"}) {
    const auto file = read_candidates(text);
    ASSERT_FALSE(file.ok()) << text;
    EXPECT_TRUE(file.error().kind() == ErrorKind::kBadInput || file.error().kind() == ErrorKind::kCorrupt) << text;
  }
}

TEST(Recipe, PatternsAreTheShells) {
  EXPECT_TRUE(matches_any({"x", "openvino-*"}, "openvino-bf16"));
  EXPECT_FALSE(matches_any({"openvino"}, "openvino-bf16"));
  EXPECT_FALSE(matches_any({}, "openvino-bf16"));
}

}  // namespace
}  // namespace speedster::compiler
