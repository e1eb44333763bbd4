#include "samples/resample.h"

#include "support.h"

namespace speedster::samples {
namespace {

using testing::ElementsAre;

std::vector<float> resampled(const Tensor& from, const Shape& to) {
  const auto made = resample(from.view(), to, "x");
  EXPECT_TRUE(made.ok()) << made.error().full_message();
  if (!made.ok()) return {};
  const auto values = made->as<float>();
  return {values.begin(), values.end()};
}

TEST(Resample, RepeatsAndCropsAlongEachAxis) {
  const Tensor from = floats({2, 3});  // 0 1 2 / 3 4 5
  EXPECT_THAT(resampled(from, {1, 2}), ElementsAre(0, 1));
  EXPECT_THAT(resampled(from, {3, 4}), ElementsAre(0, 1, 2, 0, 3, 4, 5, 3, 0, 1, 2, 0));
}

TEST(Resample, NothingGivesZerosAndAnotherRankIsRefused) {
  EXPECT_THAT(resampled(floats({0, 2}), {1, 2}), ElementsAre(0, 0));
  EXPECT_THAT(resampled(floats({2}), {0}), testing::IsEmpty());
  EXPECT_EQ(resample(floats({2}).view(), {1, 2}, "x").error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(resample(floats({2}).view(), {-1}, "x").error().kind(), ErrorKind::kBadInput);
}

}  // namespace
}  // namespace speedster::samples
