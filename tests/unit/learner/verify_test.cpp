#include "learner/verify.h"

#include <gmock/gmock.h>

#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using ::testing::HasSubstr;

/// The rows of models::empty(): y = 2 x.
class Verify : public LearnerTest {
 protected:
  fs::path doubling(float factor, test::VariantPlan plan = {}) const {
    std::vector<package::SampleToPack> samples(3);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> x = {1, 2, static_cast<float>(i) + 3};
      samples[i].inputs.push_back({"x", test::floats({1, 3}, x)});
      samples[i].outputs.push_back({"y", test::floats({1, 3}, {x[0] * factor, x[1] * factor, x[2] * factor})});
    }
    return test::make_package(root() / "p", testing::models::empty(), {std::move(plan)}, std::move(samples));
  }
};

TEST_F(Verify, WhatHolds) {
  Json report;
  test::VariantPlan plan;
  plan.measured = {{"latency_seconds", {{"value", 0.25}}}};
  const auto held = verify(doubling(2, plan), {}, &report);
  ASSERT_TRUE(held.ok()) << held.error().full_message();
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(report["samples"], 3);
  EXPECT_EQ(report["files"], 2);
  EXPECT_EQ(report["variant"], "reference");
  EXPECT_LT(report["relative_l2"].get<double>(), 1e-6);
  EXPECT_GT(report["latency_seconds"].get<double>(), 0);
  EXPECT_EQ(report["judged_latency_seconds"], 0.25);
}

TEST_F(Verify, AnOutputThatDiffersIsFound) {
  Json report;
  const auto held = verify(doubling(2.01F), {}, &report);
  EXPECT_EQ(held.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(held.error().full_message(), HasSubstr("output \"y\" of sample 0"));
  EXPECT_EQ(report["ok"], false);
  EXPECT_NEAR(report["relative_l2"].get<double>(), 0.005, 1e-3);
}

TEST_F(Verify, ReducedPrecisionHasItsOwnLimitAndWhatWasSeenWins) {
  test::VariantPlan half;
  half.precision = "f16";
  EXPECT_TRUE(verify(doubling(2.01F, half), {}, nullptr).ok());
  half.measured = {{"sample_relative_l2", 1e-4}};
  EXPECT_FALSE(verify(doubling(2.01F, half), {}, nullptr).ok());
}

TEST_F(Verify, NewNaNIsFound) {
  test::VariantPlan plan;
  plan.options = {{"fault", "nan"}};
  plan.precision = "int8";
  EXPECT_THAT(verify(doubling(2, plan), {}, nullptr).error().full_message(), HasSubstr("NaN"));
}

TEST_F(Verify, EveryFileIsRead) {
  const fs::path package = doubling(2);
  ASSERT_TRUE(verify(package, {}, nullptr).ok());
  std::string bytes = read_file(package / "samples/main.safetensors").value();
  bytes.back() ^= 1;
  ASSERT_TRUE(write_file(package / "samples/main.safetensors", bytes).ok());
  Json report;
  EXPECT_EQ(verify(package, {}, &report).error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(report["error"].get<std::string>(), HasSubstr("samples/main.safetensors"));
}

TEST_F(Verify, WithoutSamplesTheDigestsStand) {
  Json report;
  EXPECT_TRUE(verify(mlp(), {}, &report).ok());
  EXPECT_EQ(report["samples"], 0);
}

}  // namespace
}  // namespace speedster::learner
