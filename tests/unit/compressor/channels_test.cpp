#include "compressor/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "compressor/steps.h"
#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

TEST(Channels, PeaksAndMeansOfAllSamplesWhereverTheAxisIs) {
  ChannelCollector collector;
  const std::vector<float> first{1, -2, 3, 4, 5, -6}, second{0, 0, 0, 0, 0, 12};
  collector.observe("rows", Tensor::from<float>(DType::kFloat32, {2, 3}, first).view(), 0);
  collector.observe("rows", Tensor::from<float>(DType::kFloat32, {1, 2, 3}, second).view(), 0);
  collector.observe("image", Tensor::from<float>(DType::kFloat32, {1, 2, 3, 1}, first).view(), 2);
  const ChannelTable channels = collector.statistics();
  EXPECT_THAT(channels.at("rows").peak, ElementsAre(4, 5, 12));
  EXPECT_THAT(channels.at("rows").mean, ElementsAre(5.0 / 4, 3.0 / 4, 9.0 / 4));
  EXPECT_THAT(channels.at("image").peak, ElementsAre(3, 6));
  EXPECT_THAT(channels.at("image").extents, ElementsAre(3, 1));
  EXPECT_TRUE(channels.at("rows").extents.empty());
  EXPECT_THAT(channels.at("image").mean, Pointwise(DoubleNear(1e-6), {2.0 / 3, 1.0}));
}

TEST(Channels, LongChannelsAreSummedWholeAndInTheirOwn) {
  Tensor image(DType::kFloat32, {2, 3, 5, 7});
  for (std::size_t i = 0; i < image.as<float>().size(); ++i)
    image.as<float>()[i] = static_cast<float>(i / 35 % 3) + 1 - (i % 35 == 34 ? 10.0F : 0.0F);
  ChannelCollector collector;
  collector.observe("image", image.view(), 2);
  const ChannelStatistics seen = collector.statistics().at("image");
  EXPECT_THAT(seen.peak, ElementsAre(9, 8, 7));
  EXPECT_THAT(seen.mean, Pointwise(DoubleNear(1e-6), {1 - 10.0 / 35, 2 - 10.0 / 35, 3 - 10.0 / 35}));
}

TEST(Channels, WhatHasNoNumbersOrAnotherCountIsLeftOut) {
  ChannelCollector collector;
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> broken{1, nan}, endless{1, infinity}, two{1, 2}, four{1, 2, 3, 4};
  const std::vector<std::int64_t> integers{1, 2};
  collector.observe("broken", Tensor::from<float>(DType::kFloat32, {1, 2}, broken).view(), 0);
  collector.observe("endless", Tensor::from<float>(DType::kFloat32, {1, 2}, endless).view(), 0);
  collector.observe("changing", Tensor::from<float>(DType::kFloat32, {1, 2}, two).view(), 0);
  collector.observe("changing", Tensor::from<float>(DType::kFloat32, {1, 4}, four).view(), 0);
  collector.observe("moving", Tensor::from<float>(DType::kFloat32, {2, 2}, four).view(), 0);
  collector.observe("moving", Tensor::from<float>(DType::kFloat32, {2, 2}, four).view(), 1);
  collector.observe("integers", Tensor::from<std::int64_t>(DType::kInt64, {1, 2}, integers).view(), 0);
  collector.observe("flat", Tensor::from<float>(DType::kFloat32, {2}, two).view(), 1);
  collector.observe("empty", Tensor(DType::kFloat32, {0, 2}).view(), 0);
  EXPECT_TRUE(collector.statistics().empty());
}

TEST(Channels, ThroughJsonExactlyAndBrokenOnesAreRefused) {
  const ChannelTable channels{{"a", {{1.0 / 3, 0}, {-0.1, 1e30}, {7.5, 320}}}, {"rows", {{1}, {0}, {}}}};
  const ChannelTable back =
      value_or_throw(channels_from_json(value_or_throw(parse_json(to_text(to_json(channels)), "test"))));
  EXPECT_EQ(back.at("a").peak, channels.at("a").peak);
  EXPECT_EQ(back.at("a").mean, channels.at("a").mean);
  EXPECT_EQ(back.at("a").extents, channels.at("a").extents);
  EXPECT_TRUE(back.at("rows").extents.empty());
  for (const char* text :
       {"[]", R"({"a":1})", R"({"a":{}})", R"({"a":{"peak":[1],"mean":[0]}})",
        R"({"a":{"peak":[1],"mean":[],"extents":[]}})", R"({"a":{"peak":[-1],"mean":[0],"extents":[]}})",
        R"({"a":{"peak":[1],"mean":[0],"extents":[-1]}})", R"({"a":{"peak":[1],"mean":[0],"extents":["1"]}})",
        R"({"a":{"peak":[null],"mean":[0],"extents":[]}})", R"({"a":{"peak":[],"mean":[],"extents":[]}})"})
    EXPECT_EQ(channels_from_json(value_or_throw(parse_json(text, "test"))).error().kind(), ErrorKind::kCorrupt) << text;
}

TEST(Channels, CalibrationLooksAtTheChannelsOfWhatLayersRead) {
  const onnx_model::OnnxModel model = parsed(models::small_cnn());
  const auto axes = channel_axes(model);
  EXPECT_EQ(axes.at("images"), 2U) << "of images the second axis";
  const ChannelTable channels = calibrated_channels(model, {2, 3, 16, 12});
  ASSERT_EQ(channels.size(), axes.size());
  const Ranges ranges = calibrated(model, {"images"}, {2, 3, 16, 12});
  const ChannelStatistics& seen = channels.at("images");
  EXPECT_EQ(seen.peak.size(), 3U);
  EXPECT_DOUBLE_EQ(*std::ranges::max_element(seen.peak), std::max(-ranges.at("images").low, ranges.at("images").high));
}

}  // namespace
}  // namespace speedster::compressor
