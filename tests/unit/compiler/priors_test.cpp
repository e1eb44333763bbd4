#include "compiler/priors.h"

#include <gmock/gmock.h>

#include "base/files.h"

namespace speedster::compiler {
namespace {

using ::testing::HasSubstr;

hardware::Machine machine(const hardware::IsaSet& isa) {
  hardware::Machine made;
  made.isa = isa;
  return made;
}
const hardware::IsaSet kZen3 = {"avx2"}, kZen4 = {"avx2", "avx512_vnni", "avx512_bf16"};

ModelFacts facts(std::map<std::string, std::size_t> operators) { return {std::move(operators), 0}; }

std::vector<std::string> order(const hardware::IsaSet& isa, const ModelFacts& model) {
  PlanInput input;
  input.model = model;
  input.machine = machine(isa);
  for (const char* backend : {"onnxruntime", "openvino"}) input.backends[backend] = {true, {}, "1", {"precision"}};
  input.toolchains["nncf"] = {true, {}, "3", {}};
  input.calibration_samples = 8;
  input.priors = default_priors();
  const auto recipes = plan(input);
  std::vector<std::string> names;
  for (const Recipe& recipe : *recipes)
    if (recipe.not_possible.empty()) names.push_back(recipe.name);
  return names;
}
std::size_t place(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

TEST(Priors, TheBuiltInTableIsReadWholeAndLiesInShare) {
  EXPECT_GE(default_priors().size(), 15U);
  const auto installed = read_file(fs::path(SPEEDSTER_BUILD_DIR) / "share/speedster/priors.json");
  ASSERT_TRUE(installed.ok());
  EXPECT_EQ(read_priors(*installed)->size(), default_priors().size());
}

TEST(Priors, WhatTheProcessorIsGoodAtComesFirst) {
  const ModelFacts network = facts({{"Conv", 50}, {"Gemm", 1}});
  const auto modern = order(kZen4, network), older = order(kZen3, network);
  EXPECT_EQ(modern.front(), "openvino-bf16");
  EXPECT_EQ(modern[1], "openvino-static-int8-minmax-bf16");
  EXPECT_LT(place(modern, "openvino-static-int8-minmax"), place(modern, "openvino-static-int8-percentile"));
  EXPECT_EQ(older[1], "openvino-static-int8-minmax");
  EXPECT_EQ(modern.back(), "onnxruntime-dynamic-int8") << "one product in fifty-one";
}

TEST(Priors, TheFamilyOfTheModelDecidesToo) {
  const ModelFacts encoder = facts({{"MatMul", 96}, {"Softmax", 12}});
  EXPECT_EQ(family_of(encoder), "products");
  EXPECT_EQ(family_of(facts({{"Conv", 5}, {"Gemm", 1}})), "convolutional");
  const auto names = order(kZen3, encoder);
  EXPECT_EQ(names[1], "onnxruntime-dynamic-int8");
  EXPECT_LT(place(names, "onnxruntime-static-int8-minmax"), place(names, "openvino-static-int8-minmax"));
}

TEST(Priors, OneThatOnlyHasToBeCompiledComesFirst) {
  const ModelFacts network = facts({{"Conv", 50}});
  EXPECT_EQ(order(kZen3, network).front(), "openvino-fp32") << "bf16 needs its instructions";
  EXPECT_EQ(order({"avx2", "avx512_vnni"}, network).front(), "openvino-fp32");
}

TEST(Priors, NobodyIsLeftOut) {
  const ModelFacts both = facts({{"Conv", 5}, {"MatMul", 3}});
  PlanInput input;
  input.model = both;
  const auto without = plan(input);
  input.priors = {{"*", {}, "", 5, 3}};
  EXPECT_EQ(plan(input)->size(), without->size());
  input.priors = default_priors();
  EXPECT_EQ(plan(input)->size(), without->size());
}

TEST(Priors, TheFirstRowThatFitsCounts) {
  const std::vector<Prior> table = {
      {"a-*", {"vnni", "bf16"}, "", 0.1, 0}, {"a-b", {"vnni"}, "products", 0.2, 2}, {"*", {}, "", 0.5, 0}};
  const auto rank = [](const auto& rows, const hardware::IsaSet& isa, std::string_view family) {
    return rank_of(prior_of(rows, "a-b", machine(isa), family));
  };
  EXPECT_DOUBLE_EQ(rank(table, kZen4, "convolutional"), 0.1);
  EXPECT_DOUBLE_EQ(rank(table, {"avx512_vnni"}, "products"), 0.2 * 1.3);
  EXPECT_DOUBLE_EQ(rank(table, {"avx512_vnni"}, "convolutional"), 0.5);
  EXPECT_DOUBLE_EQ(rank(std::vector<Prior>(), kZen4, "products"), 1);
}

TEST(Priors, WhatIsWrongIsNamedWithItsRow) {
  const auto told = [](const std::string& rows) {
    const auto read = read_priors("{\"rows\": " + rows + "}");
    EXPECT_EQ(read.error().kind(), ErrorKind::kBadInput);
    return read.error().full_message();
  };
  EXPECT_THAT(told("3"), HasSubstr("rows"));
  EXPECT_THAT(told("[3]"), HasSubstr("row 1"));
  EXPECT_THAT(told(R"([{"candidate": "a", "expected": 1}, {"candidate": "b"}])"), HasSubstr("row 2"));
  EXPECT_THAT(told(R"([{"candidate": "a", "expected": 0}])"), HasSubstr("positive number"));
  EXPECT_THAT(told(R"([{"candidate": "a", "expected": 1, "isa": ["sse"]}])"), HasSubstr("sse"));
  EXPECT_THAT(told(R"([{"candidate": "a", "expected": 1, "family": "trees"}])"), HasSubstr("trees"));
  EXPECT_THAT(told(R"([{"candidate": "a", "expected": 1, "make": 4}])"), HasSubstr("0 to 3"));
  EXPECT_EQ(read_priors("no json").error().kind(), ErrorKind::kBadInput);
}

}  // namespace
}  // namespace speedster::compiler
