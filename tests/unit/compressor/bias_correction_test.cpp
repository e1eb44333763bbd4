#include "compressor/bias_correction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using ::testing::DoubleEq;
using ::testing::Each;
using ::testing::ElementsAre;

std::vector<double> taps(const std::vector<Attribute>& attributes, const Extents& kernel,
                         const std::vector<double>& extents) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 1, 8, 8}).output("y", OnnxType::kFloat, {"n", 1, "", ""});
  m.initializer<float>("w", {1, 1, 3, 3}, uniform(9, 1)).node("Conv", {"x", "w"}, {"y"}, attributes, "conv");
  const onnx_model::OnnxModel model = parsed(m);
  return taps_on_data(*node_named(model, "conv"), kernel, extents);
}

TEST(TapsOnData, WithoutPaddingAllOfThemAlways) {
  EXPECT_THAT(taps({}, {1, 1, 3, 3}, {8, 8}), Each(DoubleEq(1)));
  EXPECT_THAT(taps({{"strides", Extents{2, 2}}}, {1, 1, 3, 3}, {8, 8}), Each(DoubleEq(1)));
}

TEST(TapsOnData, OuterPlacesLieOnPaddingAtTheEdges) {
  EXPECT_THAT(taps({{"pads", Extents{0, 1, 0, 1}}}, {1, 1, 1, 3}, {8, 4}), ElementsAre(0.75, 1, 0.75));
  EXPECT_THAT(taps({{"pads", Extents{1, 0, 1, 0}}}, {1, 1, 3, 1}, {1, 4}), ElementsAre(0, 1, 0)) << "one row";
  EXPECT_THAT(taps({{"pads", Extents{0, 2, 0, 2}}, {"dilations", Extents{1, 2}}}, {1, 1, 1, 3}, {1, 4}),
              ElementsAre(0.5, 1, 0.5));
  EXPECT_THAT(taps({{"pads", Extents{0, 1, 0, 1}}, {"strides", Extents{1, 2}}}, {1, 1, 1, 3}, {1, 4}),
              ElementsAre(0.5, 1, 1));
}

TEST(TapsOnData, SameIsPaddedAsItIsTold) {
  EXPECT_THAT(taps({Attribute("auto_pad", "SAME_UPPER")}, {1, 1, 1, 2}, {1, 4}), ElementsAre(1, 0.75));
  EXPECT_THAT(taps({Attribute("auto_pad", "SAME_LOWER")}, {1, 1, 1, 2}, {1, 4}), ElementsAre(0.75, 1));
}

TEST(TapsOnData, WhatDoesNotFitCountsWhole) { EXPECT_TRUE(taps({}, {1, 1, 3, 3}, {8}).empty()); }

}  // namespace
}  // namespace speedster::compressor
