#include <gtest/gtest.h>

#include "onnx/model.h"
#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;

std::string at(const std::map<std::string, TensorSpec>& types, const std::string& name) {
  const auto found = types.find(name);
  return found == types.end() ? "unknown" : describe(found->second);
}

TEST(ValueTypes, ConvolutionsPoolsAndHeads) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 3, 32, 30}).output("y", OnnxType::kFloat, {"batch", 10});
  m.initializer<float>("k", {8, 3, 3, 3}, uniform(216, 1)).initializer<float>("w", {10, 8}, uniform(80, 2));
  m.node("Conv", {"x", "k"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}, {"strides", Extents{2, 2}}});
  m.node("MaxPool", {"c"}, {"p"}, {{"kernel_shape", Extents{2, 2}}, {"strides", Extents{2, 2}}});
  m.node("GlobalAveragePool", {"p"}, {"g"})
      .node("Flatten", {"g"}, {"f"})
      .node("Gemm", {"f", "w"}, {"y"}, {{"transB", 1}});
  const auto types = value_types(parsed(m));
  EXPECT_EQ(at(types, "c"), "c float32 [batch, 8, 16, 15]");
  EXPECT_EQ(at(types, "p"), "p float32 [batch, 8, 8, 7]");
  EXPECT_EQ(at(types, "g"), "g float32 [batch, 8, 1, 1]");
  EXPECT_EQ(at(types, "f"), "f float32 [batch, 8]");
  EXPECT_EQ(at(types, "k"), "k float32 [8, 3, 3, 3]");
}

TEST(ValueTypes, AttentionKeepsSymbols) {
  const auto types = value_types(parsed(models::attention()));
  EXPECT_EQ(at(types, "q"), "q float32 [batch, sequence, 8]");
  EXPECT_EQ(at(types, "kt"), "kt float32 [batch, 8, sequence]");
  EXPECT_EQ(at(types, "scores"), "scores float32 [batch, sequence, sequence]");
}

TEST(ValueTypes, ShapesReshapesAndCasts) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2, 3, 4}).output("y", OnnxType::kFloat16, {});
  m.initializer<std::int64_t>("target", {2}, {0, -1}).initializer<std::int64_t>("axes", {1}, {0});
  m.node("Reshape", {"x", "target"}, {"r"}).node("Shape", {"x"}, {"s"}).node("Unsqueeze", {"r", "axes"}, {"u"});
  m.node("Cast", {"u"}, {"y"}, {{"to", 10}})
      .node("Greater", {"r", "r"}, {"b"})
      .node("Concat", {"x", "x"}, {"c"}, {{"axis", 2}});
  const auto types = value_types(parsed(m));
  EXPECT_EQ(at(types, "r"), "r float32 [2, 12]");
  EXPECT_EQ(at(types, "s"), "s int64 [3]");
  EXPECT_EQ(at(types, "u"), "u float32 [1, 2, 12]");
  EXPECT_EQ(at(types, "b"), "b bool [2, 12]");
  EXPECT_EQ(at(types, "c"), "c float32 [2, 3, 8]");
  EXPECT_EQ(types.at("y").dtype, DType::kFloat16);
}

TEST(ValueTypes, WhatIsNotKnownIsAbsent) {
  OnnxWriter m;
  m.domain("custom", 1).input("x", OnnxType::kFloat, {2}).unranked_output("y", OnnxType::kFloat);
  m.node("ConstantOfShape", {"n"}, {"z"}).node("Shape", {"x"}, {"n"}).node("Add", {"x", "z"}, {"y"});
  const auto types = value_types(parsed(m));
  EXPECT_TRUE(types.at("z").unknown_rank);
  EXPECT_EQ(types.at("z").dtype, DType::kFloat32);
}

}  // namespace
}  // namespace speedster::onnx_model
