#include "rewrite/rewrite.h"

#include <gmock/gmock.h>

#include "unit/rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;
using ::testing::HasSubstr;

const Shape kImages{2, 3, 16, 12};

/// Compares on the reference backend.
Verify against(const OnnxModel& original) {
  return [&original](const OnnxModel& model) -> Result<Distance> {
    const Tensor input = random_tensor(kImages, 100), a = run(original, input), b = run(model, input);
    const TensorView expected[] = {a.view()}, got[] = {b.view()};
    Comparison comparison;
    comparison.add(expected, got);
    return comparison.distance();
  };
}

const PassRow& row(const Rewriting& done, const std::string& name) {
  for (const PassRow& pass : done.passes)
    if (pass.name == name) return pass;
  throw std::runtime_error("no row of " + name);
}

TEST(Rewrite, EveryPassIsNamedTimedAndCompared) {
  const OnnxModel original = parsed(models::small_cnn());
  OnnxModel model = original.clone();
  const Rewriting done = value_or_throw(rewrite(model, {{}, against(original), on_reference}));
  ASSERT_EQ(done.passes.size(), passes().size());
  const PassRow& after = row(done, "affine-after");
  EXPECT_EQ(after.changes, 1U);
  EXPECT_GT(after.seconds, 0);
  EXPECT_GT(after.verify_seconds, 0);
  EXPECT_LE(after.relative_l2.value(), kLossless);
  EXPECT_EQ(after.undone, "");
  EXPECT_EQ(row(done, "hard-activations").changes, 0U);
  EXPECT_FALSE(row(done, "hard-activations").relative_l2.has_value()) << "nothing changed, nothing ran";
  EXPECT_EQ(done.nodes_before, static_cast<std::size_t>(original.proto().graph().node_size()));
  EXPECT_EQ(done.nodes_after + 1, done.nodes_before);
  EXPECT_GT(done.changes(), 0U);
  EXPECT_EQ(count(model, "BatchNormalization"), 0U);
}

TEST(Rewrite, TwiceIsOnce) {
  OnnxModel model = parsed(models::small_cnn());
  EXPECT_GT(value_or_throw(rewrite(model, {{}, {}, on_reference})).changes(), 0U);
  EXPECT_EQ(value_or_throw(rewrite(model, {{}, {}, on_reference})).changes(), 0U);
}

TEST(Rewrite, APassThatBreaksTheBoundIsTakenBackAndTheRestGoesOn) {
  OnnxWriter m(17);
  m.input("x", OnnxType::kFloat, {"n", 3, 4, 4}).output("y", OnnxType::kFloat, {"n", 2, 4, 4});
  for (const auto& [name, value] : {std::pair("three", 3.0F), {"six", 6.0F}, {"zero", 0.0F}, {"two", 2.0F}})
    m.initializer<float>(name, {}, {value});
  m.initializer<float>("k", {2, 3, 1, 1}, uniform(6, 1))
      .node("Conv", {"x", "k"}, {"c"})
      .node("Mul", {"c", "two"}, {"h"});
  m.node("Add", {"h", "three"}, {"s"}).node("Clip", {"s", "zero", "six"}, {"r"}).node("Mul", {"h", "r"}, {"p"});
  m.node("Div", {"p", "six"}, {"y"});
  const OnnxModel original = parsed(m);
  const std::pair<Result<Distance>, const char*> verdicts[] = {
      {Distance{2e-6}, "2e-06"},
      {Distance{0, true}, "not finite"},
      {Distance{0, false, false}, "another shape"},
      {Error(ErrorKind::kVendor, "[rewrite] refused"), "refused"}};
  for (const auto& [verdict, why] : verdicts) {
    OnnxModel model = original.clone();
    const Verify verify = [&](const OnnxModel& next) -> Result<Distance> {
      if (count(next, "HardSwish") > 0) return verdict;
      return Distance{1e-7};
    };
    const Rewriting done = value_or_throw(rewrite(model, {{}, verify, on_reference}));
    EXPECT_THAT(row(done, "hard-activations").undone, HasSubstr(why));
    EXPECT_EQ(row(done, "affine-after").undone, "");
    EXPECT_EQ(count(model, "HardSwish"), 0U) << why;
    EXPECT_EQ(count(model, "Clip"), 1U) << why;
    EXPECT_EQ(count(model, "Mul"), 1U) << "the scale behind the convolution is gone all the same";
    EXPECT_EQ(done.changes(), 1U);
  }
}

TEST(Rewrite, OneComparisonIsEnoughWhereItHolds) {
  OnnxWriter m(17);
  m.input("x", OnnxType::kFloat, {"n", 3, 4, 4}).output("y", OnnxType::kFloat, {"n", 2, 4, 4});
  m.initializer<float>("k", {2, 3, 1, 1}, uniform(6, 1)).initializer<float>("two", {}, {2.0F});
  m.node("Identity", {"x"}, {"i"}).node("Conv", {"i", "k"}, {"c"}).node("Mul", {"c", "two"}, {"y"});
  int calls = 0;
  const Verify verify = [&](const OnnxModel&) -> Result<Distance> { return ++calls, Distance{.relative_l2 = 3e-7}; };
  OnnxModel model = parsed(m);
  const Rewriting done = value_or_throw(rewrite(model, {{}, verify, on_reference}));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(model.proto().graph().node_size(), 1);
  for (const char* name : {"no-ops", "affine-after"}) {
    EXPECT_EQ(row(done, name).changes, 1U);
    EXPECT_EQ(row(done, name).relative_l2, 3e-7) << name;
  }
  OnnxModel none = model.clone();
  calls = 0;
  EXPECT_EQ(value_or_throw(rewrite(none, {{}, verify, on_reference})).changes(), 0U);
  EXPECT_EQ(calls, 0) << "nothing changed, nothing to compare";
}

TEST(Rewrite, AtTheBoundItStays) {
  OnnxModel model = parsed(models::small_cnn());
  const Rewriting done =
      value_or_throw(rewrite(model, {{}, [](const OnnxModel&) { return Result<Distance>(Distance{kLossless}); }, {}}));
  EXPECT_EQ(row(done, "affine-after").undone, "");
}

TEST(Rewrite, WhatIsNoFaultOfThePassEndsIt) {
  for (const ErrorKind kind : {ErrorKind::kNoSpace, ErrorKind::kCancelled}) {
    OnnxModel model = parsed(models::small_cnn());
    const auto done =
        rewrite(model, {{}, [&](const OnnxModel&) { return Result<Distance>(Error(kind, "[x] no")); }, {}});
    EXPECT_EQ(done.error().kind(), kind);
  }
}

TEST(Rewrite, DisabledPassesDoNotRun) {
  for (const std::string& name : {std::string("affine-after"), std::string("all")}) {
    OnnxModel model = parsed(models::small_cnn());
    const std::string before = value_or_throw(model.digest());
    const Rewriting done = value_or_throw(rewrite(model, {{name}, {}, on_reference}));
    EXPECT_TRUE(row(done, "affine-after").disabled);
    EXPECT_EQ(count(model, "BatchNormalization"), 1U);
    EXPECT_EQ(row(done, "hard-activations").disabled, name == "all");
    EXPECT_EQ(value_or_throw(model.digest()), before) << name;
  }
  EXPECT_TRUE(disables_all(std::vector<std::string>{"all"}));
  EXPECT_FALSE(disables_all(std::vector<std::string>{"affine-after"}));
  std::vector<std::string> each;
  for (const Pass& pass : passes()) each.emplace_back(pass.name);
  EXPECT_TRUE(disables_all(each));
}

TEST(Rewrite, AnUnknownNameListsTheKnownOnes) {
  OnnxModel model = parsed(models::small_cnn());
  const auto refused = rewrite(model, {{"affine"}, {}, {}});
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message(), HasSubstr("affine-after, affine-before, duplicates or all"));
  EXPECT_THAT(refused.error().message(), HasSubstr("\"affine\""));
}

TEST(Rewrite, ItsJsonForm) {
  OnnxModel model = parsed(models::small_cnn());
  const Json json = to_json(value_or_throw(rewrite(model, {{"hard-activations"}, {}, on_reference})));
  EXPECT_EQ(json["passes"].size(), passes().size());
  EXPECT_EQ(json["changes"], 1);
  for (const Json& pass : json["passes"]) {
    EXPECT_EQ(pass["disabled"], pass["name"] == "hard-activations");
    EXPECT_TRUE(pass["relative_l2"].is_null());
  }
}

}  // namespace
}  // namespace speedster::rewrite
