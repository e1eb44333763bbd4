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
    return doubling(factor, std::vector<test::VariantPlan>{std::move(plan)});
  }
  fs::path doubling(float factor, const std::vector<test::VariantPlan>& plans) const {
    std::vector<package::SampleToPack> samples(3);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> x = {1, 2, static_cast<float>(i) + 3};
      samples[i].inputs.push_back({"x", test::floats({1, 3}, x)});
      samples[i].outputs.push_back({"y", test::floats({1, 3}, {x[0] * factor, x[1] * factor, x[2] * factor})});
    }
    return test::make_package(root() / "p", testing::models::empty(), plans, std::move(samples));
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

test::VariantPlan named(const std::string& name, std::map<std::string, std::string> options = {}) {
  test::VariantPlan plan;
  plan.name = name;
  plan.options = std::move(options);
  return plan;
}

TEST_F(Verify, EveryOtherVariantIsMeasuredBesideTheOneThatLoads) {
  test::VariantPlan future = named("future");
  future.needs.isa = {"an_isa_of_the_future"};
  test::VariantPlan slow = named("slow", {{"delay_us", "3000"}});
  slow.measured = {{"latency_seconds", {{"value", 0.125}}}};
  Json report;
  const auto held =
      verify(doubling(2, {future, named("chosen"), slow, named("wrong", {{"fault", "nan"}})}), {}, &report);
  ASSERT_TRUE(held.ok()) << held.error().full_message();
  EXPECT_EQ(report["variant"], "chosen");
  ASSERT_EQ(report["others"].size(), 3U);
  EXPECT_EQ(report["others"][0]["variant"], "future");
  EXPECT_EQ(report["others"][0]["loads"], false);
  EXPECT_THAT(report["others"][0]["reason"].get<std::string>(), HasSubstr("an_isa_of_the_future"));
  const Json& measured = report["others"][1];
  EXPECT_EQ(measured["holds"], true);
  EXPECT_EQ(measured["precision"], "f32");
  EXPECT_GT(measured["latency_seconds"].get<double>(), 0.003);
  EXPECT_EQ(measured["judged_latency_seconds"], 0.125);
  EXPECT_GT(measured["over_choice"]["low"].get<double>(), 1);
  EXPECT_EQ(report["others"][2]["holds"], false);
  EXPECT_THAT(report["others"][2]["reason"].get<std::string>(), HasSubstr("NaN"));
  EXPECT_EQ(report["choice"], (Json{{"stands", true}, {"faster", nullptr}}));
}

TEST_F(Verify, AChoiceThatIsNoLongerTheFastestDoesNotStand) {
  Json report;
  const auto held = verify(
      doubling(2, {named("chosen", {{"delay_us", "6000"}}), named("faster", {{"delay_us", "1000"}}), named("fastest")}),
      {}, &report);
  ASSERT_TRUE(held.ok()) << held.error().full_message();
  EXPECT_EQ(report["choice"], (Json{{"stands", false}, {"faster", "fastest"}}));
}

TEST_F(Verify, ARequiredVariantIsVerifiedAlone) {
  LoadOptions options;
  options.require_variant = "second";
  Json report;
  ASSERT_TRUE(verify(doubling(2, {named("first"), named("second")}), options, &report).ok());
  EXPECT_EQ(report["variant"], "second");
  EXPECT_FALSE(report.contains("others"));
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
