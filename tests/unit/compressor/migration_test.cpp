#include "compressor/migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Extents kPads{1, 1, 1, 1};

/// Largest peak over the least.
double spread(const ChannelTable& channels, const std::string& tensor) {
  const auto [least, most] = std::ranges::minmax(channels.at(tensor).peak);
  return most / least;
}

/// `count` numbers whose every `channels`-th block of `inner` is a hundred times larger.
std::vector<float> with_outlier(std::size_t count, std::size_t channels, std::size_t inner, std::uint64_t seed) {
  std::vector<float> values = uniform(count, seed);
  for (std::size_t i = 0; i < count; ++i)
    if (i / inner % channels == 1) values[i] *= 100;
  return values;
}

struct Migrated {
  OnnxModel original, model;
  MigrationSummary summary;
  Shape shape;
  Migrated(const OnnxWriter& writer, const Shape& input, const MigrationOptions& options = {})
      : original(parsed(writer)), model(original.clone()), shape(input) {
    summary = value_or_throw(migrate_scales(model, calibrated_channels(original, shape), options));
  }
  /// Nothing but rounding has changed.
  void expect_same() const {
    const Difference d = compare(original, model, random_tensor(shape, 200));
    EXPECT_LT(d.relative_l2, 2e-6);
    EXPECT_GT(d.norm, 0);
  }
  double before(const std::string& tensor) const { return spread(calibrated_channels(original, shape), tensor); }
  double after(const std::string& tensor) const { return spread(calibrated_channels(model, shape), tensor); }
};

OnnxWriter images() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 3, 8, 8}).output("y", OnnxType::kFloat, {"n", 4, "", ""});
  m.initializer<float>("k1", {6, 3, 3, 3}, with_outlier(162, 6, 27, 1))
      .initializer<float>("b1", {6}, uniform(6, 2))
      .initializer<float>("k2", {4, 6, 3, 3}, uniform(216, 3));
  return m.node("Conv", {"x", "k1", "b1"}, {"c"}, {{"pads", kPads}}, "first");
}

TEST(MigrateScales, BetweenConvolutionsThroughWhatKeepsScales) {
  OnnxWriter m = images();
  m.node("Relu", {"c"}, {"r"}).node("MaxPool", {"r"}, {"p"}, {{"kernel_shape", Extents{2, 2}}});
  m.node("Conv", {"p", "k2"}, {"y"}, {}, "second");
  const Migrated migrated(m, {2, 3, 8, 8});
  migrated.expect_same();
  EXPECT_THAT(migrated.summary.absorbed, ElementsAre("p"));
  EXPECT_THAT(migrated.summary.inserted, IsEmpty());
  EXPECT_EQ(migrated.model.proto().graph().node_size(), migrated.original.proto().graph().node_size());
  EXPECT_GT(migrated.before("p"), 50);
  EXPECT_LT(migrated.after("p"), 20) << "half of it, by its logarithm, is in the weights";
}

TEST(MigrateScales, WhatKeepsNoScalesStopsThemUnlessAMultiplicationIsAllowed) {
  OnnxWriter m = images();
  m.node("Sigmoid", {"c"}, {"s"}).node("Mul", {"c", "s"}, {"a"}).node("Conv", {"a", "k2"}, {"y"});
  const Migrated kept(m, {2, 3, 8, 8});
  EXPECT_THAT(kept.summary.absorbed, IsEmpty());
  EXPECT_THAT(kept.summary.skipped, Contains("a: who makes it cannot take the factors"));
  EXPECT_EQ(compare(kept.original, kept.model, random_tensor(kept.shape, 200)).relative_l2, 0);
  MigrationOptions insert;
  insert.insert = true;
  insert.strength = 1;
  const Migrated multiplied(m, {2, 3, 8, 8}, insert);
  multiplied.expect_same();
  EXPECT_THAT(multiplied.summary.inserted, Contains("a"));
  EXPECT_LT(multiplied.after("a_scaled"), 1.001);
}

TEST(MigrateScales, DepthwiseLayersTakeAllOfIt) {
  OnnxWriter m = images();
  m.initializer<float>("k3", {6, 1, 3, 3}, uniform(54, 4));
  m.node("Conv", {"c", "k3"}, {"d"}, {{"group", 6}}).node("Conv", {"d", "k2"}, {"y"});
  const Migrated migrated(m, {2, 3, 8, 8});
  migrated.expect_same();
  EXPECT_LT(migrated.after("c"), 1.001);
  EXPECT_THAT(migrated.summary.absorbed, Contains("c"));
}

/// x → norm → two products, one of them behind an addition.
OnnxWriter norm_and_products() {
  OnnxWriter m(17);
  m.input("x", OnnxType::kFloat, {"n", 5, 8}).output("y", OnnxType::kFloat, {"n", 5, 6});
  m.initializer<float>("gamma", {8}, with_outlier(8, 8, 1, 1))
      .initializer<float>("beta", {8}, uniform(8, 2))
      .initializer<float>("wq", {8, 6}, uniform(48, 3))
      .initializer<float>("wk", {8, 6}, uniform(48, 4));
  m.node("LayerNormalization", {"x", "gamma", "beta"}, {"n"}, {{"axis", -1}}, "norm");
  return m.node("MatMul", {"n", "wq"}, {"q"}).node("MatMul", {"n", "wk"}, {"k"});
}

TEST(MigrateScales, ANormTakesTheFactorsOfAllProductsBehindIt) {
  OnnxWriter m = norm_and_products();
  m.node("Add", {"q", "k"}, {"y"});
  const Migrated migrated(m, {2, 5, 8});
  migrated.expect_same();
  EXPECT_THAT(migrated.summary.absorbed, Contains("n"));
  EXPECT_LT(migrated.after("n"), migrated.before("n") / 3);
}

TEST(MigrateScales, ANormThatSomebodyElseReadsStaysAsItIs) {
  OnnxWriter m = norm_and_products();
  m.initializer<float>("wo", {8, 6}, uniform(48, 5))
      .node("Abs", {"n"}, {"residual"})
      .node("MatMul", {"residual", "wo"}, {"o"});
  m.node("Add", {"q", "k"}, {"s"}).node("Add", {"s", "o"}, {"y"});
  const Migrated kept(m, {2, 5, 8});
  EXPECT_THAT(kept.summary.absorbed, IsEmpty());
  MigrationOptions insert;
  insert.insert = true;
  const Migrated multiplied(m, {2, 5, 8}, insert);
  multiplied.expect_same();
  EXPECT_THAT(multiplied.summary.inserted, Contains("n"));
  EXPECT_EQ(count(multiplied.model, "Mul"), multiplied.summary.inserted.size()) << "one for both products";
}

TEST(MigrateScales, ProductsTakeThemThroughTheAdditionOfABias) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 5, 8}).output("y", OnnxType::kFloat, {"n", 5, 4});
  m.initializer<float>("w1", {8, 6}, with_outlier(48, 6, 1, 1))
      .initializer<float>("b1", {6}, uniform(6, 2))
      .initializer<float>("w2", {6, 4}, uniform(24, 3));
  m.node("MatMul", {"x", "w1"}, {"p"}).node("Add", {"b1", "p"}, {"s"}).node("Relu", {"s"}, {"r"});
  m.node("MatMul", {"r", "w2"}, {"y"});
  const Migrated migrated(m, {2, 5, 8});
  migrated.expect_same();
  EXPECT_THAT(migrated.summary.absorbed, ElementsAre("r"));
  EXPECT_LT(migrated.after("r"), migrated.before("r") / 3);
}

TEST(MigrateScales, ANormThatIsWrittenOutTakesThemInItsLastFactor) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 8}).output("y", OnnxType::kFloat, {"n", 4});
  m.initializer<float>("gamma", {8}, with_outlier(8, 8, 1, 1))
      .initializer<float>("beta", {8}, uniform(8, 2))
      .initializer<float>("w", {8, 4}, uniform(32, 3));
  m.node("Tanh", {"x"}, {"t"}).node("Mul", {"t", "gamma"}, {"g"}).node("Add", {"g", "beta"}, {"n"});
  m.node("MatMul", {"n", "w"}, {"y"});
  const Migrated migrated(m, {3, 8});
  migrated.expect_same();
  EXPECT_THAT(migrated.summary.absorbed, ElementsAre("n"));
}

TEST(MigrateScales, OutputsConstantsOfOthersAndExcludedReadersAreLeftAlone) {
  OnnxWriter m = images();
  m.node("Conv", {"c", "k2"}, {"y"}, {}, "second").output("c", OnnxType::kFloat, {"n", 6, 8, 8});
  EXPECT_THAT(Migrated(m, {2, 3, 8, 8}).summary.absorbed, IsEmpty()) << "the caller reads c";
  OnnxWriter shared = images();
  shared.node("Conv", {"c", "k2"}, {"d"}, {}, "second").output("z", OnnxType::kFloat, {6, 3, 3, 3});
  shared.node("Relu", {"k1"}, {"z"}).node("Relu", {"d"}, {"y"});
  const Migrated weights(shared, {2, 3, 8, 8});
  weights.expect_same();
  EXPECT_THAT(weights.summary.absorbed, ElementsAre("c"));
  MigrationOptions without;
  without.exclude_patterns = {"second"};
  EXPECT_THAT(Migrated(shared, {2, 3, 8, 8}, without).summary.skipped, Contains("c: nobody may take the factors"));
}

TEST(MigrateScales, APoolOverTheChannelsOfAProductStopsThem) {
  OnnxWriter m = norm_and_products();
  m.initializer<float>("wp", {8, 6}, uniform(48, 5));
  m.node("MaxPool", {"n"}, {"p"}, {{"kernel_shape", Extents{3}}, {"pads", Extents{1, 1}}});
  m.node("MatMul", {"p", "wp"}, {"o"}).node("Add", {"q", "k"}, {"s"}).node("Add", {"s", "o"}, {"y"});
  const Migrated kept(m, {2, 5, 8});
  EXPECT_EQ(compare(kept.original, kept.model, random_tensor(kept.shape, 200)).relative_l2, 0);
  MigrationOptions insert;
  insert.insert = true;
  Migrated(m, {2, 5, 8}, insert).expect_same();
}

TEST(MigrateScales, WhoReadsTheChannelsOnAnotherAxisKeepsThem) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4, 9})
      .output("y", OnnxType::kFloat, {"n", 4, 5})
      .output("z", OnnxType::kFloat, {"n", 3, 9});
  m.initializer<float>("w0", {4, 4, 1}, with_outlier(16, 4, 4, 1))
      .initializer<float>("w1", {3, 4, 1}, uniform(12, 2))
      .initializer<float>("w2", {9, 5}, uniform(45, 3));
  m.node("Conv", {"x", "w0"}, {"t"}).node("Conv", {"t", "w1"}, {"z"}).node("MatMul", {"t", "w2"}, {"y"});
  const Migrated kept(m, {2, 4, 9});
  EXPECT_THAT(kept.summary.absorbed, IsEmpty()) << "the product reads t as it is";
  MigrationOptions insert;
  insert.insert = true;
  const Migrated multiplied(m, {2, 4, 9}, insert);
  multiplied.expect_same();
  EXPECT_THAT(multiplied.summary.inserted, Contains("t"));
}

TEST(MigrateScales, NormalizationBehindAConvolutionTakesThem) {
  OnnxWriter m = images();
  m.initializer<float>("gamma", {6}, uniform(6, 5, 0.5F, 1.5F)).initializer<float>("beta", {6}, uniform(6, 6));
  m.initializer<float>("mean", {6}, uniform(6, 7)).initializer<float>("variance", {6}, uniform(6, 8, 0.5F, 1.5F));
  m.node("BatchNormalization", {"c", "gamma", "beta", "mean", "variance"}, {"b"}, {}, "norm");
  m.node("AveragePool", {"b"}, {"p"}, {{"kernel_shape", Extents{2, 2}}}).node("Conv", {"p", "k2"}, {"y"});
  const Migrated migrated(m, {2, 3, 8, 8});
  migrated.expect_same();
  EXPECT_THAT(migrated.summary.absorbed, ElementsAre("p"));
}

TEST(MigrateScales, AConstantOfMoreAxesKeepsThem) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {5, 8}).output("y", OnnxType::kFloat, {1, 5, 4});
  m.initializer<float>("w1", {8, 6}, with_outlier(48, 6, 1, 1))
      .initializer<float>("b1", {1, 1, 6}, uniform(6, 2))
      .initializer<float>("w2", {6, 4}, uniform(24, 3));
  m.node("MatMul", {"x", "w1"}, {"p"}).node("Add", {"p", "b1"}, {"s"}).node("MatMul", {"s", "w2"}, {"y"});
  const Migrated migrated(m, {5, 8});
  migrated.expect_same();
  EXPECT_THAT(migrated.summary.absorbed, ElementsAre("s"));
}

TEST(MigrateScales, EvenChannelsStayAndForeignOnesAreRefused) {
  OnnxWriter m = images();
  m.node("Conv", {"c", "k2"}, {"y"});
  OnnxModel model = parsed(m);
  const ChannelStatistics even{std::vector<double>(6, 2.0), std::vector<double>(6, 0.0), {}};
  OnnxWriter flat;
  flat.input("x", OnnxType::kFloat, {"n", 6}).output("y", OnnxType::kFloat, {"n", 6});
  flat.initializer<float>("w", {6, 6}, std::vector<float>(36, 1.0F)).node("MatMul", {"x", "w"}, {"y"});
  OnnxModel other = parsed(flat);
  EXPECT_THAT(value_or_throw(migrate_scales(other, {{"x", even}}, {})).skipped,
              ElementsAre("x: its channels are even"));
  const auto refused = migrate_scales(model, {{"c", {{1, 2}, {0, 0}, {8, 8}}}}, {});
  EXPECT_EQ(refused.error().kind(), ErrorKind::kBadInput);
  EXPECT_THAT(refused.error().message(), HasSubstr("expected 6 channels of 'c', got 2"));
}

TEST(MigrateScales, AnOutlierChannelCostsLessAfterIt) {
  OnnxWriter m = norm_and_products();
  m.node("Add", {"q", "k"}, {"y"});
  const OnnxModel original = parsed(m);
  const Shape shape{16, 5, 8};
  const auto quantized_loss = [&](OnnxModel model) {
    const Target target = value_or_throw(target_for("onnxruntime", true));
    const Ranges ranges = calibrated(model, calibration_tensors(model, target, {}), shape);
    value_or_throw(quantize_static(model, target, ranges, {}));
    return compare(original, model, random_tensor(shape, 300)).relative_l2;
  };
  OnnxModel migrated = original.clone();
  value_or_throw(migrate_scales(migrated, calibrated_channels(original, shape), {}));
  const double plain = quantized_loss(original.clone()), moved = quantized_loss(std::move(migrated));
  EXPECT_GT(plain, 0);
  EXPECT_LT(moved, plain);
}

}  // namespace
}  // namespace speedster::compressor
