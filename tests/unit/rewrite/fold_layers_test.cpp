#include "unit/rewrite/passes.h"

namespace speedster::rewrite {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

const Extents kPads{1, 1, 1, 1};

/// x [batch, 3, height, width] and the constants that the tests put around a convolution.
OnnxWriter images(std::int64_t channels = 4) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 3, "height", "width"});
  m.output("y", OnnxType::kFloat, {"batch", channels, "", ""});
  m.initializer<float>("k", {4, 3, 3, 3}, uniform(108, 1)).initializer<float>("kb", {4}, uniform(4, 2));
  for (const auto& [name, value] : {std::pair("three", 3.0F), {"two", 2.0F}, {"half", 0.5F}, {"none", 0.0F}})
    m.initializer<float>(name, {}, {value});
  for (const auto& [name, seed, low] :
       {std::tuple("scale", 3, 0.5F), {"shift", 4, -1.0F}, {"mean", 5, -1.0F}, {"variance", 6, 0.5F}})
    m.initializer<float>(name, {4}, uniform(4, static_cast<std::uint64_t>(seed), low, 1.5F));
  return m.initializer<float>("channels", {4, 1, 1}, uniform(4, 8, 0.5F, 1.5F));
}

Tensor pictures() { return random_tensor({2, 3, 9, 7}, 5, -3, 3); }

/// How often the pass changed the model, whose values stay.
std::size_t folded(const OnnxWriter& writer, std::string_view pass, const Tensor& input, OnnxModel* result = nullptr) {
  const OnnxModel original = parsed(writer);
  OnnxModel model = original.clone();
  const std::size_t count = apply(model, pass);
  expect_same(original, model, input);
  if (result) *result = std::move(model);
  return count;
}

TEST(FoldAfter, BatchNormalizationAndScalarsGoIntoTheConvolution) {
  OnnxWriter m = images();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}, "conv");
  m.node("Mul", {"channels", "c"}, {"e"}).node("Sub", {"three", "e"}, {"f"});
  m.node("BatchNormalization", {"f", "scale", "shift", "mean", "variance"}, {"n"}, {}, "norm");
  m.node("Mul", {"two", "n"}, {"a"})
      .node("Add", {"a", "channels"}, {"b"})
      .node("Sub", {"b", "half"}, {"d"})
      .node("Div", {"d", "three"}, {"y"});
  OnnxModel model;
  EXPECT_EQ(folded(m, "affine-after", pictures(), &model), 7U);
  ASSERT_EQ(model.proto().graph().node_size(), 1);
  EXPECT_EQ(model.proto().graph().node(0).name(), "conv");
  EXPECT_EQ(model.proto().graph().node(0).output(0), "y");
  EXPECT_EQ(model.proto().graph().initializer_size(), 3) << "weights, bias and what nobody used before";
}

TEST(FoldAfter, TransposedConvolutionsHaveTheirChannelsElsewhere) {
  for (const std::int64_t groups : {1, 2}) {
    OnnxWriter m;
    m.input("x", OnnxType::kFloat, {1, 4, "height", "width"}).output("y", OnnxType::kFloat, {1, 6, "", ""});
    m.initializer<float>("k", {4, 6 / groups, 2, 2}, uniform(static_cast<std::size_t>(96 / groups), 1));
    m.initializer<float>("s", {1, 6, 1, 1}, uniform(6, 2, 0.5F, 1.5F))
        .initializer<float>("t", {6, 1, 1}, uniform(6, 3));
    m.node("ConvTranspose", {"x", "k"}, {"c"}, {{"strides", Extents{2, 2}}, {"group", groups}});
    m.node("Mul", {"c", "s"}, {"d"}).node("Add", {"t", "d"}, {"y"});
    EXPECT_EQ(folded(m, "affine-after", random_tensor({1, 4, 5, 3}, 7)), 2U) << groups;
  }
}

TEST(FoldAfter, GroupedConvolutions) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {1, 4, "height", "width"}).output("y", OnnxType::kFloat, {1, 6, "", ""});
  m.initializer<float>("k", {6, 2, 2, 2}, uniform(48, 1)).initializer<float>("s", {6, 1, 1}, uniform(6, 2));
  m.node("Conv", {"x", "k"}, {"c"}, {{"group", 2}}).node("Mul", {"c", "s"}, {"y"});
  EXPECT_EQ(folded(m, "affine-after", random_tensor({1, 4, 5, 3}, 7)), 1U);
}

OnnxWriter rows(const Dims& dims, const Extents& weights) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, dims).output("y", OnnxType::kFloat, {});
  m.initializer<float>("w", weights, uniform(30, 1)).initializer<float>("b", {6}, uniform(6, 2));
  m.initializer<float>("s", {6}, uniform(6, 3, 0.5F, 1.5F)).initializer<float>("two", {}, {2.0F});
  for (const auto& [name, seed] : {std::pair("scale", 3), {"shift", 4}, {"mean", 5}, {"variance", 6}})
    m.initializer<float>(name, {6}, uniform(6, static_cast<std::uint64_t>(seed), 0.5F, 1.5F));
  return m;
}

TEST(FoldAfter, AMatMulKeepsOneAddAndAGemmHasItInside) {
  OnnxWriter product = rows({2, "rows", 5}, {5, 6});
  product.node("MatMul", {"x", "w"}, {"p"}).node("Add", {"b", "p"}, {"q"}, {}, "bias");
  product.node("Mul", {"q", "s"}, {"r"}).node("Div", {"r", "two"}, {"y"});
  OnnxModel model;
  EXPECT_EQ(folded(product, "affine-after", random_tensor({2, 3, 5}, 4), &model), 2U);
  EXPECT_EQ(model.proto().graph().node_size(), 2);
  EXPECT_NE(node_named(model, "bias"), nullptr);

  OnnxWriter gemm = rows({"rows", 5}, {6, 5});
  gemm.node("Gemm", {"x", "w", "b"}, {"p"}, {{"transB", 1}});
  gemm.node("BatchNormalization", {"p", "scale", "shift", "mean", "variance"}, {"q"}).node("Mul", {"q", "s"}, {"y"});
  EXPECT_EQ(folded(gemm, "affine-after", random_tensor({3, 5}, 4), &model), 2U);
  EXPECT_EQ(model.proto().graph().node_size(), 1);
}

TEST(FoldAfter, ABiasAloneStaysAnAdd) {
  OnnxWriter m = rows({2, "rows", 5}, {5, 6});
  m.node("MatMul", {"x", "w"}, {"p"}).node("Add", {"p", "b"}, {"y"});
  EXPECT_EQ(folded(m, "affine-after", random_tensor({2, 3, 5}, 4)), 0U);
}

TEST(FoldAfter, WhatIsUsedElsewhereStays) {
  OnnxWriter m = images();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}, "conv");
  m.node("Mul", {"c", "two"}, {"d"}).node("Add", {"d", "c"}, {"y"});
  EXPECT_EQ(folded(m, "affine-after", pictures()), 0U);
  OnnxWriter out = images();
  out.output("c", OnnxType::kFloat, {"batch", 4, "", ""});
  out.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}).node("Mul", {"c", "two"}, {"y"});
  EXPECT_EQ(folded(out, "affine-after", pictures()), 0U) << "an output of the graph in the middle";
}

TEST(FoldAfter, SharedWeightsAreCopiedAndNotChanged) {
  OnnxWriter m = images();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}, "scaled").node("Mul", {"c", "two"}, {"d"});
  m.node("Conv", {"x", "k", "kb"}, {"e"}, {{"pads", kPads}}, "plain").node("Add", {"d", "e"}, {"y"});
  EXPECT_EQ(folded(m, "affine-after", pictures()), 1U);
}

TEST(FoldAfter, AConstantThatChangesTheShapeStays) {
  OnnxWriter wide = images();
  wide.initializer<float>("row", {7}, uniform(7, 8));
  wide.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}).node("Add", {"c", "row"}, {"y"});
  EXPECT_EQ(folded(wide, "affine-after", pictures()), 0U);
  OnnxWriter deep = images();
  deep.initializer<float>("more", {1, 1, 1, 1, 1}, {2.0F});
  deep.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}).node("Mul", {"c", "more"}, {"y"});
  EXPECT_EQ(folded(deep, "affine-after", pictures()), 0U);
  OnnxWriter vector = rows({5}, {5, 6});
  vector.initializer<float>("row", {1, 1}, {2.0F});
  vector.node("MatMul", {"x", "w"}, {"p"}).node("Mul", {"p", "row"}, {"y"});
  EXPECT_EQ(folded(vector, "affine-after", random_tensor({5}, 4)), 0U);
}

TEST(FoldAfter, WhatIsNoAffineFunctionStays) {
  OnnxWriter m = images();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}).node("Div", {"two", "c"}, {"y"});
  EXPECT_EQ(folded(m, "affine-after", pictures()), 0U);
  OnnxWriter infinite = images();
  infinite.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}}).node("Div", {"c", "none"}, {"d"});
  infinite.node("IsInf", {"d"}, {"e"}).node("Cast", {"e"}, {"y"}, {{"to", 1}});
  OnnxModel model = parsed(infinite);
  EXPECT_EQ(apply(model, "affine-after"), 0U);
}

TEST(FoldAfter, TrainingModeStays) {
  OnnxWriter m = images();
  m.node("Conv", {"x", "k", "kb"}, {"c"}, {{"pads", kPads}});
  m.node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y", "m", "v"}, {{"training_mode", 1}});
  OnnxModel model = parsed(m);
  EXPECT_EQ(apply(model, "affine-after"), 0U);
}

TEST(FoldBefore, ScalesPassPaddingAndShiftsDoNot) {
  for (const bool padded : {false, true}) {
    OnnxWriter m = images();
    m.node("Relu", {"x"}, {"r"}).node("Mul", {"r", "two"}, {"a"}).node("Add", {"a", "half"}, {"b"});
    m.node("Conv", {"b", "k", "kb"}, {"y"}, {{"pads", padded ? kPads : Extents{0, 0, 0, 0}}});
    OnnxModel model;
    EXPECT_GT(folded(m, "affine-before", pictures(), &model), 0U);
    EXPECT_EQ(count(model, "Mul"), 0U);
    EXPECT_EQ(count(model, "Add"), padded ? 1U : 0U);
  }
}

TEST(FoldBefore, ThePreparationOfImagesIsPerChannel) {
  for (const bool padded : {false, true}) {
    OnnxWriter m = images();
    m.initializer<float>("mean3", {1, 3, 1, 1}, {0.485F, 0.456F, 0.406F});
    m.initializer<float>("deviation3", {3, 1, 1}, {0.229F, 0.224F, 0.225F});
    m.node("Sub", {"x", "mean3"}, {"a"}).node("Div", {"a", "deviation3"}, {"b"});
    m.node("Conv", {"b", "k", "kb"}, {"y"}, {{"pads", padded ? kPads : Extents{0, 0, 0, 0}}});
    EXPECT_EQ(folded(m, "affine-before", pictures()), padded ? 1U : 2U);
    OnnxWriter other = images();
    other.initializer<float>("scale3", {3, 1, 1}, {0.5F, 0.25F, 3.0F})
        .initializer<float>("shift3", {3, 1, 1}, {1, 2, 3});
    other.node("Mul", {"x", "scale3"}, {"a"}).node("Add", {"shift3", "a"}, {"b"});
    other.node("Conv", {"b", "k", "kb"}, {"y"}, {{"pads", padded ? kPads : Extents{0, 0, 0, 0}}});
    OnnxModel model;
    EXPECT_GT(folded(other, "affine-before", pictures(), &model), 0U);
    EXPECT_EQ(model.proto().graph().node_size(), padded ? 2 : 1);
  }
}

TEST(FoldBefore, TransposedConvolutionsTakeScalesOnly) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {1, 4, "height", "width"}).output("y", OnnxType::kFloat, {1, 3, "", ""});
  m.initializer<float>("k", {4, 3, 3, 3}, uniform(108, 1))
      .initializer<float>("s", {4, 1, 1}, uniform(4, 2, 0.5F, 1.5F));
  m.initializer<float>("half", {}, {0.5F});
  m.node("Add", {"x", "half"}, {"a"}).node("Mul", {"a", "s"}, {"b"});
  m.node("ConvTranspose", {"b", "k"}, {"y"}, {{"strides", Extents{2, 2}}});
  OnnxModel model;
  EXPECT_EQ(folded(m, "affine-before", random_tensor({1, 4, 5, 3}, 7), &model), 1U);
  EXPECT_EQ(count(model, "Add"), 1U);
}

TEST(FoldBefore, WhatOthersUseAndMatMulStay) {
  OnnxWriter m = images();
  m.node("Mul", {"x", "two"}, {"a"}).node("Conv", {"a", "k", "kb"}, {"c"}, {{"pads", kPads}});
  m.node("ReduceMean", {"a"}, {"r"}).node("Add", {"c", "r"}, {"y"});
  EXPECT_EQ(folded(m, "affine-before", pictures()), 0U);
  OnnxWriter product = rows({2, "rows", 5}, {5, 6});
  product.node("Mul", {"x", "two"}, {"a"}).node("MatMul", {"a", "w"}, {"y"});
  EXPECT_EQ(folded(product, "affine-before", random_tensor({2, 3, 5}, 4)), 0U);
}

}  // namespace
}  // namespace speedster::rewrite
