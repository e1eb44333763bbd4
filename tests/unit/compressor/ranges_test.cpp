#include "compressor/ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace speedster::compressor {
namespace {

/// Values, with the histogram that calibration would make of them.
class Values {
 public:
  explicit Values(std::vector<double> values) : values_(std::move(values)) {
    const auto [low, high] = std::ranges::minmax(values_);
    whole = {low, high};
    width_ = (high - low) * 1.001 / static_cast<double>(counts_.size());
    for (const double value : values_) ++counts_[static_cast<std::size_t>((value - low) / width_)];
  }
  Bins bins() const { return {whole.low, width_, counts_}; }
  /// The sum of squared errors of really rounding them.
  double rounded(const Range& range) const {
    const double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0), scale = (high - low) / 255;
    const double zero = std::nearbyint(-low / scale);
    double sum = 0;
    for (const double value : values_) {
      const double level = std::clamp(std::nearbyint(value / scale) + zero, 0.0, 255.0);
      sum += std::pow((level - zero) * scale - value, 2);
    }
    return sum;
  }
  Range whole;

 private:
  std::vector<double> values_;
  double width_ = 0;
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(2048);
};

/// Normal values, those below 0 cut if `relu`, and outliers.
Values normal(bool relu, const std::vector<double>& outliers) {
  std::mt19937 random(5);
  std::normal_distribution<double> draw;
  std::vector<double> values;
  for (int i = 0; i < 100'000; ++i) values.push_back(relu ? std::max(draw(random), 0.0) : draw(random));
  values.insert(values.end(), outliers.begin(), outliers.end());
  return Values(std::move(values));
}

TEST(LeastSquaredError, IsCloseToTheBestOfAllRangesThatAreTried) {
  for (const bool relu : {false, true})
    for (const std::vector<double>& outliers : {std::vector<double>{}, {40.0}, {40, -25}, {9, 9, 9, 9, 9, 9}}) {
      if (relu && outliers.size() == 2) continue;
      const Values values = normal(relu, outliers);
      const Range found = least_squared_error(values.bins(), values.whole);
      double least = values.rounded(values.whole);
      for (double low = 0.02; low <= 1; low += 0.02)
        for (double high = 0.02; high <= 1; high += 0.02)
          least = std::min(least, values.rounded({values.whole.low * low, values.whole.high * high}));
      EXPECT_LT(values.rounded(found), 1.1 * least) << relu << outliers.size();
      EXPECT_LE(found.low, 0);
      EXPECT_LE(found.high, values.whole.high);
    }
}

TEST(LeastSquaredError, OutliersAreCutOnlyWhereThatPays) {
  // A value far out costs its distance squared, the others what the coarser steps cost them, all together.
  std::vector<std::uint64_t> counts(2048);
  std::fill_n(counts.begin(), 20, 1'000'000);
  counts.back() = 1;
  EXPECT_LT(least_squared_error({0, 0.1, counts}, {0, 204.8}).high, 100);
  const Values many = normal(true, std::vector<double>(5000, 30.0));
  EXPECT_GT(least_squared_error(many.bins(), many.whole).high, 28);
}

TEST(LeastDivergence, CutsATailThatHoldsNextToNothing) {
  const Values values = normal(false, {60, -60});
  const Range found = least_divergence(values.bins(), values.whole);
  EXPECT_LT(found.high, 15);
  EXPECT_GT(found.high, 2);
  EXPECT_GT(found.low, -15);
}

TEST(LeastDivergence, KeepsWhatIsUniform) {
  std::vector<double> values;
  for (int i = 0; i <= 100'000; ++i) values.push_back(i / 1e5);
  const Values uniform(std::move(values));
  EXPECT_GT(least_divergence(uniform.bins(), uniform.whole).high, 0.97);
  EXPECT_GT(least_squared_error(uniform.bins(), uniform.whole).high, 0.97);
}

TEST(Ranges, OfValuesThatAreAllEqualHoldThem) {
  for (const double value : {0.0, 3.0, -2.0}) {
    const std::vector<std::uint64_t> counts = {7};
    const Bins bins{value - 5e-7, 1e-6, counts};
    for (const Range& range : {least_squared_error(bins, {value, value}), least_divergence(bins, {value, value})}) {
      EXPECT_LE(range.low, std::min(value, 0.0) * 0.99);
      EXPECT_GE(range.high, std::max(value, 0.0) * 0.99);
    }
  }
}

TEST(Calibrations, HaveNames) {
  for (const Calibration method : calibrations()) EXPECT_EQ(calibration_named(calibration_name(method)), method);
  EXPECT_FALSE(calibration_named("max").has_value());
  EXPECT_EQ(calibrations().front(), Calibration::kMinMax);
}

TEST(RangeCollector, GivesEachMethodFromOneHistogram) {
  RangeCollector collector(Calibration::kEntropy, 99.9);
  std::mt19937 random(3);
  std::normal_distribution<float> draw;
  std::vector<float> values(50'000);
  for (float& value : values) value = draw(random);
  values.push_back(50);
  const Shape shape{static_cast<std::int64_t>(values.size())};
  collector.observe("a", {DType::kFloat32, shape, values.data()});
  EXPECT_EQ(collector.ranges(Calibration::kMinMax).at("a").high, 50);
  EXPECT_LT(collector.ranges(Calibration::kPercentile).at("a").high, 5);
  for (const Calibration method : {Calibration::kMse, Calibration::kEntropy}) {
    EXPECT_LT(collector.ranges(method).at("a").high, 49) << calibration_name(method);
    EXPECT_GT(collector.ranges(method).at("a").high, 2) << calibration_name(method);
  }
}

}  // namespace
}  // namespace speedster::compressor
