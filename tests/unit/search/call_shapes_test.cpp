#include "search/call_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace speedster::search {
namespace {

using samples::SampleOptions;

TensorSpec tokens(const std::string& name) {
  TensorSpec spec;
  spec.name = name;
  spec.dtype = DType::kInt64;
  spec.axes = {Axis{-1, "batch", {}, {}, {}}, Axis{-1, "length", 1, 128, 512}};
  return spec;
}
Signature encoder() { return {{tokens("ids"), tokens("mask")}, {}}; }

TEST(CallShapes, ASymbolMovesEveryInputThatHasIt) {
  SampleOptions options;
  options.mix = {{{{"ids", Shape{1, 512}}}, 1}, {{{"ids", Shape{4, 128}}}, 3}};
  ASSERT_TRUE(settle_mix(options, encoder()).ok());
  EXPECT_TRUE(options.shapes.empty()) << "samples stay as they are";
  options.random = true;
  ASSERT_TRUE(settle_mix(options, encoder()).ok());
  EXPECT_EQ(options.shapes.at("ids"), (Shape{4, 128})) << "random ones have the shape with the largest share";
  const CallShapes shapes = call_shapes(options.mix, encoder());
  ASSERT_EQ(shapes->size(), 2U);
  EXPECT_EQ((*shapes)[0].name, "ids=1x512");
  EXPECT_EQ((*shapes)[0].shapes.at("mask"), (Shape{1, 512}));
  EXPECT_EQ((*shapes)[0].share, 0.25);
  EXPECT_EQ((*shapes)[1].shapes.at("mask"), (Shape{4, 128}));
  EXPECT_EQ((*shapes)[1].share, 0.75);
}

TEST(CallShapes, WithoutAMixThereIsNone) {
  SampleOptions options;
  options.shapes = {{"ids", Shape{2, 64}}};
  ASSERT_TRUE(settle_mix(options, encoder()).ok());
  EXPECT_EQ(options.shapes.at("ids"), (Shape{2, 64}));
  EXPECT_EQ(call_shapes(options.mix, encoder()), nullptr);
}

TEST(CallShapes, WhatCannotBeAMixIsRefused) {
  const auto refused = [](const std::vector<samples::ShapeShare>& mix, const std::string& what) {
    SampleOptions options;
    options.mix = mix;
    const auto settled = settle_mix(options, encoder());
    ASSERT_FALSE(settled.ok()) << what;
    EXPECT_EQ(settled.error().kind(), ErrorKind::kUsage);
    EXPECT_THAT(settled.error().message(), ::testing::HasSubstr(what));
  };
  refused({{{{"ids", Shape{1, 8}}}, 0}}, "a share above 0");
  refused({{{{"ids", Shape{1, 8}}}, HUGE_VAL}}, "a share above 0");
  refused({{{{"ids", Shape{1, 8}}}, 1}, {{{"ids", Shape{1, 8}}}, 2}}, "each shape once");
  refused({{{{"words", Shape{1, 8}}}, 1}}, "words");
  refused({{{{"ids", Shape{1, 8, 2}}}, 1}}, "ids=");
  refused({{{{"ids", Shape{1, 8}}, {"mask", Shape{1, 9}}}, 1}}, "length was 8");
  refused(std::vector<samples::ShapeShare>(17, {{{"ids", Shape{1, 8}}}, 1}), "16 shapes at most");
}

TEST(CallShapes, ShapesAreWrittenAsTheOptionTakesThem) {
  EXPECT_EQ(to_option({{"a", Shape{1, 3}}, {"factor", Shape{}}}), "a=1x3,factor=scalar");
  EXPECT_EQ(to_option({}), "");
}

}  // namespace
}  // namespace speedster::search
