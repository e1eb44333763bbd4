#include "samples/random.h"

#include <cmath>

#include "support.h"

namespace speedster::samples {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

// The first outputs of SplitMix64 for the seed 1234567, as its authors' reference program prints them.
TEST(RandomTest, KnownAnswer) {
  Random random(1234567);
  EXPECT_EQ(random.bits(), 6457827717110365317ULL);
  EXPECT_EQ(random.bits(), 3203168211198807973ULL);
  EXPECT_EQ(random.bits(), 9817491932198370423ULL);
}

TEST(RandomTest, MomentsAreThoseOfTheDistributions) {
  Random random(1);
  double uniform = 0, normal = 0, squares = 0;
  std::vector<int> counts(3);
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    uniform += random.uniform();
    const double z = random.normal();
    normal += z;
    squares += z * z;
    ++counts[random.below(3)];
  }
  EXPECT_NEAR(uniform / kDraws, 0.5, 0.005);
  EXPECT_NEAR(normal / kDraws, 0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 3.0, 700);
}

class RandomSamples : public SamplesTest {
 protected:
  void SetUp() override {
    SamplesTest::SetUp();
    options_.random = true;
    options_.random_count = 5;
  }
};

TEST_F(RandomSamples, DrawnFromTheSignature) {
  const Signature signature{{spec("x", DType::kFloat32, {dynamic("batch"), fixed(3)}),
                             spec("ids", DType::kInt64, {dynamic("batch"), dynamic("n")})},
                            {}};
  options_.shapes["ids"] = {2, 50};
  options_.ranges["ids"] = {10, 13};
  auto store = build(signature);
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_TRUE(store->random());
  EXPECT_EQ(store->size(), 5U);
  EXPECT_THAT(shape_of((*store->sample(0))[0]), ElementsAre(2, 3)) << "the batch is one size for all inputs";
  EXPECT_THAT((*store->sample(4))[1].as<std::int64_t>(), Each(testing::AllOf(testing::Ge(10), testing::Lt(13))));
  EXPECT_EQ(store->non_finite(), "");
  const std::string digest = store->digest();
  EXPECT_EQ(build(signature)->digest(), digest) << "the same seed draws the same";
  options_.seed = 1;
  EXPECT_NE(build(signature)->digest(), digest);
}

TEST_F(RandomSamples, EveryDtypeThatCanBeDrawn) {
  for (const DTypeInfo& row : kDTypes) {
    const bool known = row.dtype != DType::kFloat8E4M3FN && row.dtype != DType::kFloat8E5M2 &&
                       row.dtype != DType::kComplex64 && row.dtype != DType::kComplex128;
    auto store = build({{spec("x", row.dtype, {dynamic("batch"), fixed(3)})}, {}});
    ASSERT_EQ(store.ok(), known) << row.name;
    if (known) continue;
    EXPECT_EQ(store.error().kind(), ErrorKind::kUnsupported);
  }
}

TEST_F(RandomSamples, IntegersWithoutARangeAreZeroAndOneAndSaidSo) {
  auto store = build({{spec("ids", DType::kInt32, {dynamic("batch"), fixed(30)})}, {}});
  ASSERT_TRUE(store.ok());
  EXPECT_THAT(store->sample(0)->front().as<std::int32_t>(), Each(testing::AnyOf(0, 1)));
  EXPECT_THAT(store->notes(), ElementsAre(HasSubstr("--range ids=LOW:HIGH")));
}

TEST_F(RandomSamples, UsageErrors) {
  const Signature signature{{spec("x", DType::kInt8, {dynamic("batch"), dynamic("width")})}, {}};
  EXPECT_THAT(refusal(signature).message(), HasSubstr("--shapes x="));
  options_.shapes["x"] = {1, 4};
  for (const auto& range : std::vector<std::pair<double, double>>{
           {3, 3}, {4, 3}, {0, 129}, {-129, 0}, {std::nan(""), 1}, {0, INFINITY}, {0.2, 0.8}}) {
    options_.ranges["x"] = range;
    EXPECT_EQ(refusal(signature).kind(), ErrorKind::kUsage) << range.first << ':' << range.second;
  }
  options_.ranges = {{"y", {0, 1}}};
  EXPECT_EQ(refusal(signature).kind(), ErrorKind::kUsage);
  options_.ranges.clear();
  options_.shapes["x"] = {1, 1LL << 50U};
  EXPECT_EQ(refusal(signature).kind(), ErrorKind::kUsage);
  options_.shapes["x"] = {1, 4};
  options_.labels = root() / "labels.txt";
  EXPECT_EQ(refusal(signature).kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace speedster::samples
