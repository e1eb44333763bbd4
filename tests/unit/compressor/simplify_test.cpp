#include "compressor/simplify.h"

#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

/// images → Conv with these nodes around it → y; `body` gets the writer and continues from "c".
OnnxWriter convolution(std::int64_t opset = 17) {
  OnnxWriter m(opset);
  m.input("x", OnnxType::kFloat, {"batch", 3, "height", "width"}).output("y", OnnxType::kFloat, {"batch", 4, "", ""});
  m.initializer<float>("k", {4, 3, 3, 3}, uniform(108, 1)).initializer<float>("kb", {4}, uniform(4, 2));
  for (const auto& [name, value] :
       {std::pair("three", 3.0F), {"six", 6.0F}, {"zero", 0.0F}, {"sixth", 1.0F / 6.0F}, {"two", 2.0F}, {"half", 0.5F}})
    m.initializer<float>(name, {}, {value});
  return m;
}

Simplification simplified(OnnxModel& model) { return value_or_throw(simplify(model)); }

void expect_same(const onnx_model::OnnxModel& original, const onnx_model::OnnxModel& changed) {
  const Difference d = compare(original, changed, random_tensor({2, 3, 9, 7}, 5, -3, 3));
  EXPECT_TRUE(d.same_shape);
  EXPECT_LT(d.relative_l2, 1e-5);
}

TEST(Simplify, BatchNormalizationAndScalarsGoIntoTheConvolution) {
  OnnxWriter m = convolution();
  for (const auto& [name, seed, low] :
       {std::tuple("scale", 3, 0.5F), {"shift", 4, -1.0F}, {"mean", 5, -1.0F}, {"variance", 6, 0.5F}})
    m.initializer<float>(name, {4}, uniform(4, static_cast<std::uint64_t>(seed), low, 1.5F));
  m.initializer<float>("channels", {4, 1, 1}, uniform(4, 8));
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}}, "conv");
  m.node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"n"}, {}, "norm");
  m.node("Mul", {"two", "n"}, {"a"})
      .node("Add", {"a", "channels"}, {"b"})
      .node("Sub", {"b", "half"}, {"d"})
      .node("Div", {"d", "three"}, {"y"});
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  EXPECT_EQ(simplified(model).folded_after, 5U);
  EXPECT_EQ(model.proto().graph().node_size(), 1);
  EXPECT_EQ(model.proto().graph().node(0).name(), "conv");
  EXPECT_EQ(model.proto().graph().node(0).output(0), "y");
  expect_same(original, model);
}

TEST(Simplify, WhatIsUsedElsewhereStays) {
  OnnxWriter m = convolution();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}}, "conv")
      .node("Mul", {"c", "two"}, {"d"})
      .node("Add", {"d", "c"}, {"y"});
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  EXPECT_EQ(simplified(model).total(), 0U);
  expect_same(original, model);
}

TEST(Simplify, SharedWeightsAreCopiedAndNotChanged) {
  OnnxWriter m = convolution();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}}, "scaled").node("Mul", {"c", "two"}, {"d"});
  m.node("Conv", {"x", "k", "kb"}, {"e"}, {{"pads", Extents{1, 1, 1, 1}}}, "plain").node("Add", {"d", "e"}, {"y"});
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  EXPECT_EQ(simplified(model).folded_after, 1U);
  expect_same(original, model);
}

TEST(Simplify, AConstantThatChangesTheShapeStays) {
  OnnxWriter m = convolution();
  m.initializer<float>("row", {7}, uniform(7, 8)).initializer<float>("more", {1, 1, 1, 1, 1}, {2.0F});
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}}).node("Add", {"c", "row"}, {"y"});
  const OnnxModel original = parsed(m);
  OnnxModel model = original.clone();
  EXPECT_EQ(simplified(model).total(), 0U);
  expect_same(original, model);
}

TEST(Simplify, EverySpellingOfHardSwish) {
  for (int spelling = 0; spelling < 3; ++spelling) {
    OnnxWriter m = convolution(11);
    m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}});
    m.node("Add", {"c", "three"}, {"s"}).node("Clip", {"s", "zero", "six"}, {"r"});
    if (spelling == 0) m.node("Mul", {"c", "r"}, {"p"}).node("Div", {"p", "six"}, {"y"});
    if (spelling == 1) m.node("Mul", {"r", "c"}, {"p"}).node("Mul", {"sixth", "p"}, {"y"});
    if (spelling == 2) m.node("Div", {"r", "six"}, {"p"}).node("Mul", {"c", "p"}, {"y"});
    const OnnxModel original = parsed(m);
    OnnxModel model = original.clone();
    EXPECT_EQ(simplified(model).activations, 1U) << spelling;
    EXPECT_EQ(count(model, "HardSwish"), 1U) << spelling;
    EXPECT_EQ(model.proto().graph().node_size(), 2) << spelling;
    EXPECT_EQ(model.opset(), 14);
    expect_same(original, model);
  }
}

TEST(Simplify, AHardSigmoidAloneAndWhatOnlyLooksLikeOne) {
  OnnxWriter gate = convolution();
  gate.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}}).node("Add", {"c", "three"}, {"s"});
  gate.node("Clip", {"s", "zero", "six"}, {"r"}).node("Div", {"r", "six"}, {"y"});
  const OnnxModel original = parsed(gate);
  OnnxModel model = original.clone();
  EXPECT_EQ(simplified(model).activations, 1U);
  EXPECT_EQ(count(model, "HardSigmoid"), 1U);
  expect_same(original, model);

  OnnxWriter other = convolution();
  other.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", Extents{1, 1, 1, 1}}}).node("Add", {"c", "three"}, {"s"});
  other.node("Clip", {"s", "zero", "three"}, {"r"}).node("Mul", {"c", "r"}, {"p"}).node("Div", {"p", "six"}, {"y"});
  OnnxModel unlike = parsed(other);
  EXPECT_EQ(simplified(unlike).activations, 0U);
}

TEST(Simplify, ScalesBeforeAConvolutionPassPaddingAndShiftsDoNot) {
  for (const bool padded : {false, true}) {
    OnnxWriter m = convolution();
    m.node("Relu", {"x"}, {"r"}).node("Mul", {"r", "two"}, {"a"}).node("Add", {"a", "half"}, {"b"});
    m.node("Conv", {"b", "k", "kb"}, {"y"}, {{"pads", padded ? Extents{1, 1, 1, 1} : Extents{0, 0, 0, 0}}});
    const OnnxModel original = parsed(m);
    OnnxModel model = original.clone();
    EXPECT_GT(simplified(model).folded_before, 0U);
    EXPECT_EQ(count(model, "Mul"), 0U);
    EXPECT_EQ(count(model, "Add"), padded ? 1U : 0U);
    expect_same(original, model);
  }
}

TEST(Simplify, TwiceIsOnce) {
  OnnxModel model = parsed(models::small_cnn());
  const OnnxModel original = model.clone();
  EXPECT_GT(simplified(model).total(), 0U);
  EXPECT_EQ(simplified(model).total(), 0U);
  expect_same(original, model);
}

}  // namespace
}  // namespace speedster::compressor
