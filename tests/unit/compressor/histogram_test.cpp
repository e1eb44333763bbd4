#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compressor/quantize.h"
#include "support/models.h"

namespace speedster::compressor {
namespace {

void observe(RangeCollector& collector, const std::string& tensor, std::vector<float> values) {
  const Shape shape{static_cast<std::int64_t>(values.size())};
  collector.observe(tensor, {DType::kFloat32, shape, values.data()});
}

TEST(RangeCollector, MinMaxOverAllSamples) {
  RangeCollector collector(Calibration::kMinMax, 0);
  observe(collector, "a", {1, 2, -3});
  observe(collector, "a", {NAN, INFINITY, 7});
  observe(collector, "b", {0.5F});
  observe(collector, "c", {NAN});
  observe(collector, "d", {});
  const Ranges ranges = collector.ranges();
  EXPECT_EQ(ranges.size(), 2U) << "tensors without a finite value are absent";
  EXPECT_EQ(ranges.at("a").low, -3);
  EXPECT_EQ(ranges.at("a").high, 7);
}

TEST(RangeCollector, PercentileAgreesWithSortingWhateverTheOrder) {
  std::vector<float> values;
  for (float u : testing::uniform(200'000, 7)) values.push_back(u * u * u * 10.0F);
  values.push_back(5000.0F);  // outliers that min-max would follow
  values.push_back(-5000.0F);
  for (const bool outliers_first : {false, true}) {
    RangeCollector collector(Calibration::kPercentile, 99.9);
    if (outliers_first) std::rotate(values.begin(), values.end() - 2, values.end());
    for (std::size_t i = 0; i < values.size(); i += 1000)
      observe(collector, "a",
              {values.begin() + static_cast<std::ptrdiff_t>(i),
               values.begin() + static_cast<std::ptrdiff_t>(std::min(i + 1000, values.size()))});
    std::vector<float> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const Range range = collector.ranges().at("a");
    // One bin is a share of the widest range seen: 20000 over 2048 bins.
    EXPECT_NEAR(range.low, sorted[sorted.size() / 2000], 10.0);
    EXPECT_NEAR(range.high, sorted[sorted.size() - 1 - sorted.size() / 2000], 10.0);
    EXPECT_LT(range.high, 100);
  }
}

TEST(RangeCollector, PercentileIsFineWhereNothingIsFar) {
  RangeCollector collector(Calibration::kPercentile, 99.0);
  const std::vector<float> values = testing::uniform(100'000, 9, 0, 1);
  observe(collector, "a", values);
  EXPECT_NEAR(collector.ranges().at("a").low, 0.005, 0.002);
  EXPECT_NEAR(collector.ranges().at("a").high, 0.995, 0.002);
}

TEST(RangeCollector, ConstantAndTinyTensors) {
  RangeCollector collector(Calibration::kPercentile, 99.99);
  observe(collector, "zero", std::vector<float>(100, 0.0F));
  observe(collector, "tiny", {1e-30F, 2e-30F});
  observe(collector, "wide", {1e-6F, 1e30F, -1e30F});
  const Ranges ranges = collector.ranges();
  EXPECT_EQ(ranges.at("zero").low, 0);
  EXPECT_EQ(ranges.at("zero").high, 0);
  EXPECT_GE(ranges.at("tiny").low, 1e-31);
  EXPECT_LE(ranges.at("wide").low, -9e29);
  EXPECT_GE(ranges.at("wide").high, 9e29);
}

TEST(RangeCollector, OtherTypesAreNumbersToo) {
  RangeCollector collector(Calibration::kMinMax, 0);
  std::vector<std::int64_t> values{-5, 9};
  const Shape shape{2};
  collector.observe("a", {DType::kInt64, shape, values.data()});
  EXPECT_EQ(collector.ranges().at("a").low, -5);
  EXPECT_EQ(collector.ranges().at("a").high, 9);
}

}  // namespace
}  // namespace speedster::compressor
