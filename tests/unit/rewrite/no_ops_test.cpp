#include "unit/rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

OnnxWriter writer() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"a", "b", 4}).output("y", OnnxType::kFloat, {"", "", ""});
  m.initializer<float>("one", {}, {1.0F})
      .initializer<float>("zero", {}, {0.0F})
      .initializer<float>("one1", {1}, {1.0F});
  return m.initializer<float>("deep", {1, 1, 1, 1}, {1.0F});
}

std::size_t removed(const OnnxWriter& m, int left) {
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  const std::size_t count = apply(model, "no-ops");
  EXPECT_EQ(model.proto().graph().node_size(), left);
  expect_same(original, model, random_tensor({2, 3, 4}, 5));
  return count;
}

TEST(NoOps, WhatGivesOutWhatItGetsGoes) {
  OnnxWriter m = writer();
  m.initializer<bool>("off", {}, {false}).initializer<float>("ratio", {}, {0.5F});
  m.node("Identity", {"x"}, {"a"}).node("Dropout", {"a"}, {"b"}).node("Dropout", {"b", "ratio", "off"}, {"c", "mask"});
  m.node("Cast", {"c"}, {"d"}, {{"to", 1}}).node("Mul", {"one", "d"}, {"e"}).node("Add", {"e", "zero"}, {"f"});
  m.node("Sub", {"f", "zero"}, {"g"}).node("Div", {"g", "one1"}, {"h"}).node("Relu", {"h"}, {"y"});
  EXPECT_EQ(removed(m, 1), 8U);
}

TEST(NoOps, AnOutputOfTheGraphKeepsItsName) {
  OnnxWriter m = writer();
  EXPECT_EQ(removed(m.node("Relu", {"x"}, {"a"}).node("Identity", {"a"}, {"y"}), 1), 1U);
  OnnxWriter input = writer();
  EXPECT_EQ(removed(input.node("Identity", {"x"}, {"y"}), 1), 0U) << "nobody else could compute it";
  OnnxWriter both = writer();
  both.output("a", OnnxType::kFloat, {"", "", ""}).node("Relu", {"x"}, {"a"}).node("Identity", {"a"}, {"y"});
  EXPECT_EQ(removed(both, 2), 0U) << "two outputs, two names";
}

TEST(NoOps, TransposesJoin) {
  const Extents turn{2, 0, 1}, back{1, 2, 0};
  OnnxWriter pair = writer();
  pair.node("Transpose", {"x"}, {"a"}, {{"perm", turn}}).node("Transpose", {"a"}, {"b"}, {{"perm", back}});
  EXPECT_EQ(removed(pair.node("Relu", {"b"}, {"y"}), 1), 1U);
  OnnxWriter three = writer();
  three.node("Transpose", {"x"}, {"a"}, {{"perm", turn}}).node("Transpose", {"a"}, {"b"}, {{"perm", turn}});
  EXPECT_EQ(removed(three.node("Relu", {"b"}, {"y"}), 2), 1U);
  OnnxWriter idle = writer();
  EXPECT_EQ(removed(idle.node("Transpose", {"x"}, {"a"}, {{"perm", Extents{0, 1, 2}}}).node("Relu", {"a"}, {"y"}), 1),
            1U);
  OnnxWriter reversed = writer();
  reversed.node("Transpose", {"x"}, {"a"}).node("Transpose", {"a"}, {"b"}).node("Relu", {"b"}, {"y"});
  EXPECT_EQ(removed(reversed, 3), 0U) << "the rank is not written down";
}

TEST(NoOps, WhatDoesSomethingStays) {
  OnnxWriter m = writer();
  m.initializer<bool>("on", {}, {true}).initializer<float>("ratio", {}, {0.0F}).initializer<float>("two", {}, {2.0F});
  m.node("Dropout", {"x", "ratio", "on"}, {"a"}).node("Cast", {"a"}, {"b"}, {{"to", 11}});
  m.node("Cast", {"b"}, {"c"}, {{"to", 1}}).node("Mul", {"c", "two"}, {"d"}).node("Div", {"one", "d"}, {"e"});
  m.node("Sub", {"zero", "e"}, {"f"}).node("Mul", {"f", "deep"}, {"y"});
  OnnxModel model = parsed(m);
  EXPECT_EQ(apply(model, "no-ops"), 0U);
  OnnxWriter masked = writer();
  masked.output("mask", OnnxType::kBool, {"", "", ""}).node("Dropout", {"x"}, {"a", "mask"}).node("Relu", {"a"}, {"y"});
  OnnxModel kept = parsed(masked);
  EXPECT_EQ(apply(kept, "no-ops"), 0U);
  OnnxWriter flat;
  flat.input("x", OnnxType::kFloat, {}).output("y", OnnxType::kFloat, {1}).initializer<float>("one1", {1}, {1.0F});
  OnnxModel widened = parsed(flat.node("Mul", {"x", "one1"}, {"a"}).node("Relu", {"a"}, {"y"}));
  EXPECT_EQ(apply(widened, "no-ops"), 0U) << "a scalar that becomes a vector";
}

}  // namespace
}  // namespace speedster::rewrite
