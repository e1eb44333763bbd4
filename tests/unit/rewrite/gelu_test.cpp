#include <cmath>

#include "unit/rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

OnnxWriter writer(std::int64_t opset = 17) {
  OnnxWriter m(opset);
  m.input("x", OnnxType::kFloat, {"n", 5}).output("y", OnnxType::kFloat, {"n", 5});
  const float scale = std::sqrt(2.0F / 3.14159265F);
  for (const auto& [name, value] : {std::pair("one", 1.0F),
                                    {"half", 0.5F},
                                    {"two", 2.0F},
                                    {"three", 3.0F},
                                    {"root", std::sqrt(2.0F)},
                                    {"inverse", std::sqrt(0.5F)},
                                    {"k", 0.044715F},
                                    {"scale", scale},
                                    {"scaled", scale * 0.044715F}})
    m.initializer<float>(name, {}, {value});
  m.initializer<float>("one11", {1, 1}, {1.0F}).initializer<float>("one111", {1, 1, 1}, {1.0F});
  return m.node("Neg", {"x"}, {"c"});
}

/// x / 2 · (1 + f) in three groupings, given "f".
void finish(OnnxWriter& m, int grouping, const std::string& one = "one") {
  m.node("Add", {one, "f"}, {"s"});
  if (grouping == 0) m.node("Mul", {"c", "s"}, {"p"}).node("Mul", {"p", "half"}, {"y"}, {}, "last");
  if (grouping == 1) m.node("Mul", {"half", "s"}, {"p"}).node("Mul", {"c", "p"}, {"y"}, {}, "last");
  if (grouping == 2) m.node("Mul", {"c", "half"}, {"h"}).node("Mul", {"h", "s"}, {"y"}, {}, "last");
  if (grouping == 3) m.node("Mul", {"s", "c"}, {"p"}).node("Div", {"p", "two"}, {"y"}, {}, "last");
}

Tensor input() { return random_tensor({7, 5}, 5, -6, 6); }

void expect_fused(const OnnxWriter& m, const std::string& op) {
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  EXPECT_EQ(apply(model, "gelu"), 1U);
  EXPECT_EQ(count(model, op), 1U) << op;
  EXPECT_EQ(model.proto().graph().node_size(), 2);
  EXPECT_NE(node_named(model, "last"), nullptr) << "the name that exclusions know";
  expect_same(original, model, input());
}

TEST(Gelu, EverySpellingOfTheExactForm) {
  for (int grouping = 0; grouping < 4; ++grouping)
    for (const bool divides : {true, false}) {
      OnnxWriter m = writer();
      divides ? m.node("Div", {"c", "root"}, {"d"}) : m.node("Mul", {"inverse", "c"}, {"d"});
      m.node("Erf", {"d"}, {"f"});
      finish(m, grouping, grouping == 1 ? "one11" : "one");
      expect_fused(m, "com.microsoft.Gelu");
    }
}

TEST(Gelu, EverySpellingOfTheApproximation) {
  for (int grouping = 0; grouping < 4; ++grouping)
    for (int inside = 0; inside < 4; ++inside) {
      OnnxWriter m = writer();
      if (inside == 0)  // scale · (x + k · x³)
        m.node("Pow", {"c", "three"}, {"q"}).node("Mul", {"q", "k"}, {"r"}).node("Add", {"c", "r"}, {"u"});
      if (inside == 1)  // x · (x · (k · x)), as JAX has it
        m.node("Mul", {"k", "c"}, {"q"})
            .node("Mul", {"c", "q"}, {"q2"})
            .node("Mul", {"c", "q2"}, {"r"})
            .node("Add", {"c", "r"}, {"u"});
      if (inside == 2)  // x · (1 + k · x · x)
        m.node("Mul", {"c", "c"}, {"q"})
            .node("Mul", {"k", "q"}, {"r"})
            .node("Add", {"one", "r"}, {"v"})
            .node("Mul", {"c", "v"}, {"u"});
      if (inside < 3) m.node("Mul", {"scale", "u"}, {"d"});
      if (inside == 3)  // x · (scale + scale · k · x²)
        m.node("Pow", {"c", "two"}, {"q"})
            .node("Mul", {"q", "scaled"}, {"r"})
            .node("Add", {"scale", "r"}, {"v"})
            .node("Mul", {"v", "c"}, {"d"});
      m.node("Tanh", {"d"}, {"f"});
      finish(m, grouping);
      expect_fused(m, "com.microsoft.FastGelu");
    }
}

TEST(Gelu, FromOpset20OnItIsTheStandards) {
  OnnxWriter exact = writer(20);
  exact.node("Div", {"c", "root"}, {"d"}).node("Erf", {"d"}, {"f"});
  finish(exact, 0);
  expect_fused(exact, "Gelu");
  OnnxWriter approximate = writer(20);
  approximate.node("Pow", {"c", "three"}, {"q"}).node("Mul", {"q", "k"}, {"r"}).node("Add", {"c", "r"}, {"u"});
  approximate.node("Mul", {"u", "scale"}, {"d"}).node("Tanh", {"d"}, {"f"});
  finish(approximate, 2);
  expect_fused(approximate, "Gelu");
}

TEST(Gelu, AConstantOfTheRankOfABiasAddsNoAxis) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 3}).input("shape", OnnxType::kInt64, {"rank"}).output("y", OnnxType::kFloat, {});
  for (const auto& [name, value] : {std::pair("root", std::sqrt(2.0F)), {"half", 0.5F}})
    m.initializer<float>(name, {}, {value});
  m.initializer<float>("one", {1, 1, 1}, {1.0F}).initializer<float>("bias", {1, 3, 1}, uniform(3, 1));
  m.node("Reshape", {"x", "shape"}, {"r"}).node("Add", {"r", "bias"}, {"c"}).node("Div", {"c", "root"}, {"d"});
  m.node("Erf", {"d"}, {"f"});
  finish(m, 0);
  OnnxModel model = parsed(m);
  EXPECT_EQ(apply(model, "gelu"), 1U) << "whatever rank the shape gives, the bias makes it three at least";
}

TEST(Gelu, WhatOnlyLooksLikeOneStays) {
  const auto changes = [](const OnnxWriter& m) {
    OnnxModel model = parsed(m);
    return apply(model, "gelu");
  };
  OnnxWriter constant = writer();
  constant.node("Div", {"c", "two"}, {"d"}).node("Erf", {"d"}, {"f"});
  finish(constant, 0);
  EXPECT_EQ(changes(constant), 0U) << "another factor inside";
  OnnxWriter outside = writer();
  outside.node("Div", {"c", "root"}, {"d"}).node("Erf", {"d"}, {"f"}).node("Add", {"f", "two"}, {"s"});
  EXPECT_EQ(changes(outside.node("Mul", {"c", "s"}, {"p"}).node("Mul", {"p", "half"}, {"y"})), 0U) << "another sum";
  OnnxWriter other = writer();
  other.node("Div", {"x", "root"}, {"d"}).node("Erf", {"d"}, {"f"});
  finish(other, 0);
  EXPECT_EQ(changes(other), 0U) << "the product with another value";
  OnnxWriter shared = writer();
  shared.node("Div", {"c", "root"}, {"d"}).node("Erf", {"d"}, {"f"}).node("Add", {"f", "one"}, {"s"});
  shared.node("Mul", {"c", "s"}, {"p"}).node("Mul", {"p", "half"}, {"g"}).node("Add", {"g", "s"}, {"y"});
  EXPECT_EQ(changes(shared), 0U) << "a shared sum";
  OnnxWriter seen = writer();
  seen.output("p", OnnxType::kFloat, {"n", 5}).node("Div", {"c", "root"}, {"d"}).node("Erf", {"d"}, {"f"});
  finish(seen, 0);
  EXPECT_EQ(changes(seen), 0U) << "an output of the graph in the middle";
  OnnxWriter wider = writer();
  wider.node("Div", {"c", "root"}, {"d"}).node("Erf", {"d"}, {"f"});
  finish(wider, 0, "one111");
  EXPECT_EQ(changes(wider), 0U) << "a constant that adds an axis";
}

}  // namespace
}  // namespace speedster::rewrite
