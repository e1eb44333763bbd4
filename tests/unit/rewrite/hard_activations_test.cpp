#include "unit/rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

OnnxWriter writer(std::int64_t opset = 17) {
  OnnxWriter m(opset);
  m.input("x", OnnxType::kFloat, {"n", 5}).output("y", OnnxType::kFloat, {"n", 5});
  for (const auto& [name, value] :
       {std::pair("three", 3.0F), {"six", 6.0F}, {"zero", 0.0F}, {"sixth", 1.0F / 6.0F}, {"five", 5.0F}})
    m.initializer<float>(name, {}, {value});
  m.initializer<float>("three1", {1}, {3.0F}).initializer<float>("row", {5}, std::vector<float>(5, 3.0F));
  return m.node("Neg", {"x"}, {"c"});
}

Tensor input() { return random_tensor({7, 5}, 5, -6, 6); }

TEST(HardActivations, EverySpellingOfHardSwish) {
  for (int spelling = 0; spelling < 4; ++spelling) {
    OnnxWriter m = writer(11);
    m.node("Add", {spelling == 3 ? "three1" : "c", spelling == 3 ? "c" : "three"}, {"s"});
    m.node("Clip", {"s", "zero", "six"}, {"r"});
    if (spelling == 0) m.node("Mul", {"c", "r"}, {"p"}).node("Div", {"p", "six"}, {"y"}, {}, "last");
    if (spelling == 1) m.node("Mul", {"r", "c"}, {"p"}).node("Mul", {"sixth", "p"}, {"y"}, {}, "last");
    if (spelling == 2) m.node("Div", {"r", "six"}, {"p"}).node("Mul", {"c", "p"}, {"y"}, {}, "last");
    if (spelling == 3) m.node("Mul", {"r", "sixth"}, {"p"}).node("Mul", {"p", "c"}, {"y"}, {}, "last");
    const OnnxModel original = parsed(m);
    OnnxModel model = original.clone();
    EXPECT_EQ(apply(model, "hard-activations"), 1U) << spelling;
    EXPECT_EQ(count(model, "HardSwish"), 1U) << spelling;
    EXPECT_EQ(model.proto().graph().node_size(), 2) << spelling;
    EXPECT_EQ(model.opset(), 14);
    EXPECT_NE(node_named(model, "last"), nullptr) << "the name that exclusions know";
    expect_same(original, model, input());
  }
}

TEST(HardActivations, AHardSigmoidAlone) {
  OnnxWriter m = writer();
  m.node("Add", {"c", "three"}, {"s"}).node("Clip", {"s", "zero", "six"}, {"r"}).node("Div", {"r", "six"}, {"y"});
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  EXPECT_EQ(apply(model, "hard-activations"), 1U);
  EXPECT_EQ(count(model, "HardSigmoid"), 1U);
  expect_same(original, model, input());
}

TEST(HardActivations, WhatOnlyLooksLikeOneStays) {
  const auto changes = [](const OnnxWriter& m) {
    OnnxModel model = parsed(m);
    return apply(model, "hard-activations");
  };
  for (const auto& [sum, high, divisor] :
       {std::tuple("five", "six", "six"), {"three", "five", "six"}, {"three", "six", "five"}, {"row", "six", "six"}}) {
    OnnxWriter m = writer();
    m.node("Add", {"c", sum}, {"s"}).node("Clip", {"s", "zero", high}, {"r"});
    EXPECT_EQ(changes(m.node("Mul", {"c", "r"}, {"p"}).node("Div", {"p", divisor}, {"y"})), 0U)
        << sum << high << divisor;
  }
  OnnxWriter other = writer();
  other.node("Add", {"c", "three"}, {"s"}).node("Clip", {"s", "zero", "six"}, {"r"}).node("Mul", {"x", "r"}, {"p"});
  EXPECT_EQ(changes(other.node("Div", {"p", "six"}, {"y"})), 0U) << "the product with another value";
  OnnxWriter seen = writer();
  seen.output("r", OnnxType::kFloat, {"n", 5});
  seen.node("Add", {"c", "three"}, {"s"}).node("Clip", {"s", "zero", "six"}, {"r"}).node("Mul", {"c", "r"}, {"p"});
  EXPECT_EQ(changes(seen.node("Div", {"p", "six"}, {"y"})), 0U) << "an output of the graph in the middle";
  OnnxWriter shared = writer();
  shared.node("Add", {"c", "three"}, {"s"}).node("Clip", {"s", "zero", "six"}, {"r"}).node("Mul", {"c", "r"}, {"p"});
  EXPECT_EQ(changes(shared.node("Div", {"p", "six"}, {"q"}).node("Add", {"q", "s"}, {"y"})), 0U) << "a shared sum";
}

}  // namespace
}  // namespace speedster::rewrite
