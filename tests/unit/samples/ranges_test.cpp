#include <set>

#include "support.h"

namespace speedster::samples {
namespace {

class Ranges : public SamplesTest {};

TEST_F(Ranges, AsTheSamplesHaveThem) {
  Signature signature{{spec("x", DType::kFloat32, {dynamic("batch"), fixed(2), dynamic("width")})},
                      {spec("y", DType::kFloat32, {dynamic("batch"), dynamic("other"), dynamic("width")})}};
  save(named(NamedTensor{"x.0", floats({1, 2, 4})}, NamedTensor{"x.1", floats({1, 2, 9})},
             NamedTensor{"x.2", floats({1, 2, 6})}, NamedTensor{"x.3", floats({1, 2, 6})}));
  auto store = build(signature);
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  auto ranged = with_ranges(signature, *store, options_);
  ASSERT_TRUE(ranged.ok()) << ranged.error().full_message();
  const Signature& seen = *ranged;
  const Axis& width = seen.inputs[0].axes[2];
  EXPECT_EQ(width.min, 4);
  EXPECT_EQ(width.opt, 6);
  EXPECT_EQ(width.max, 9);
  EXPECT_EQ(seen.inputs[0].axes[0].opt, 1);
  EXPECT_FALSE(seen.inputs[0].axes[1].min.has_value()) << "a fixed axis has no range";
  EXPECT_EQ(seen.outputs[0].axes[2].max, 9) << "an output's axis of the same symbol";
  EXPECT_FALSE(seen.outputs[0].axes[1].max.has_value());
}

TEST(SpreadOver, TakesFromTheWholeListAndNothingTwice) {
  EXPECT_EQ(spread_over({5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, 16),
            (std::vector<std::size_t>{5, 6, 7, 8, 9, 10, 11, 12, 13, 14}));
  EXPECT_EQ(spread_over({0, 1, 2, 3, 4, 5, 6, 7}, 4), (std::vector<std::size_t>{0, 2, 4, 6}));
  EXPECT_EQ(spread_over({0, 1, 2, 3, 4}, 3), (std::vector<std::size_t>{0, 1, 3}));
  EXPECT_TRUE(spread_over({}, 3).empty());
}

TEST_F(Ranges, DeclaredRangesAreKeptAndWidened) {
  Signature signature{{spec("x", DType::kFloat32, {dynamic("batch"), dynamic("width")})}, {}};
  signature.inputs[0].axes[1] = {-1, "width", 2, 3, 5};
  save(named(NamedTensor{"x", floats({2, 8})}));
  auto store = build(signature);
  ASSERT_TRUE(store.ok());
  const auto ranged = with_ranges(signature, *store, options_);
  ASSERT_TRUE(ranged.ok()) << ranged.error().full_message();
  const Axis& width = ranged->inputs[0].axes[1];
  EXPECT_EQ(width.min, 2);
  EXPECT_EQ(width.opt, 3);
  EXPECT_EQ(width.max, 8);
}

TEST_F(Ranges, WhatTheUserDeclaresIsWidenedByTheSamples) {
  Signature signature{{spec("x", DType::kFloat32, {dynamic("batch"), dynamic("width")})}, {}};
  save(named(NamedTensor{"x", floats({2, 8})}));
  auto store = build(signature);
  ASSERT_TRUE(store.ok());
  options_.axes["width"] = {10, 20, 40};
  const auto ranged = with_ranges(signature, *store, options_);
  ASSERT_TRUE(ranged.ok()) << ranged.error().full_message();
  EXPECT_EQ(ranged->inputs[0].axes[1].min, 8);
  EXPECT_EQ(ranged->inputs[0].axes[1].opt, 20);
  EXPECT_EQ(ranged->inputs[0].axes[1].max, 40);
  options_.axes = {{"height", {1, 2, 3}}};
  const auto unknown = with_ranges(signature, *store, options_);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kUsage);
  EXPECT_NE(unknown.error().message().find("batch, width"), std::string::npos) << unknown.error().message();
  options_.axes = {{"width", {4, 2, 3}}};
  EXPECT_FALSE(with_ranges(signature, *store, options_).ok());
}

TEST_F(Ranges, TheShapesOfAMixWidenWhatMovesWithThem) {
  Signature signature{{spec("ids", DType::kFloat32, {dynamic("batch"), dynamic("width")}),
                       spec("mask", DType::kFloat32, {dynamic("batch"), dynamic("width")})},
                      {}};
  std::vector<NamedTensor> data = named(NamedTensor{"ids", floats({2, 8})});
  data.push_back({"mask", floats({2, 8})});
  save(data);
  options_.mix = {{{{"ids", Shape{1, 12}}}, 3}, {{{"ids", Shape{4, 20}}}, 1}};
  auto store = build(signature);
  ASSERT_TRUE(store.ok());
  const auto ranged = with_ranges(signature, *store, options_);
  ASSERT_TRUE(ranged.ok()) << ranged.error().full_message();
  for (const TensorSpec& input : ranged->inputs) {
    EXPECT_EQ(input.axes[0].max, 4) << input.name;
    EXPECT_EQ(input.axes[0].opt, 1) << input.name;
    EXPECT_EQ(input.axes[1].opt, 12) << input.name;
    EXPECT_EQ(input.axes[1].min, 8) << input.name;
    EXPECT_EQ(input.axes[1].max, 20) << input.name;
  }
}

TEST(SplitTest, PartsAreDisjointAndCoverAll) {
  for (const std::size_t n : {32U, 33U, 100U, 5000U}) {
    const Split parts = split(n, 3);
    EXPECT_TRUE(parts.independent);
    std::set<std::size_t> all;
    for (const auto* part : {&parts.calibration, &parts.search, &parts.judging}) {
      EXPECT_GE(part->size(), n / 4 > 512 ? 512U : n / 4);
      all.insert(part->begin(), part->end());
    }
    EXPECT_EQ(parts.calibration.size() + parts.search.size() + parts.judging.size(), n);
    EXPECT_EQ(all.size(), n);
    EXPECT_EQ(*all.rbegin(), n - 1);
  }
}

TEST(SplitTest, TooFewSamplesAreShared) {
  const Split parts = split(31, 0);
  EXPECT_FALSE(parts.independent);
  EXPECT_EQ(parts.judging.size(), 31U);
  EXPECT_EQ(parts.calibration, parts.judging);
  EXPECT_TRUE(split(0, 0).judging.empty());
}

TEST(SplitTest, TheSeedFixesTheOrder) {
  EXPECT_EQ(split(100, 7).judging, split(100, 7).judging);
  EXPECT_NE(split(100, 7).judging, split(100, 8).judging);
}

}  // namespace
}  // namespace speedster::samples
