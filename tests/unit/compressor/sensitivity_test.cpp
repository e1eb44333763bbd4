#include "compressor/sensitivity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

namespace speedster::compressor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Switched = std::vector<std::uint8_t>;

/// A model of independent nodes: node i moves element i of the output, which is 1 everywhere, by `moves[i]`.
class Nodes {
 public:
  explicit Nodes(std::vector<float> moves, int milliseconds = 0)
      : moves_(std::move(moves)), milliseconds_(milliseconds) {}
  RunSwitched run() {
    return [this](std::size_t sample, const Switched& switches, const TakeOutputs& take) -> Result<void> {
      asked.push_back(switches);
      samples.push_back(sample);
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_));
      std::vector<float> values(moves_.size(), 1);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += switches[i] ? moves_[i] : 0;
      const Tensor first = Tensor::from<float>(DType::kFloat32, {static_cast<std::int64_t>(values.size())}, values);
      const std::vector<float> large(1, switches[0] ? 2.0F : 1.0F);
      const Tensor second = Tensor::from<float>(DType::kFloat32, {1}, large);
      const std::vector<TensorView> views = {first.view(), second.view()};
      take(views);
      return {};
    };
  }
  static SensitivityOptions options(std::vector<std::size_t> samples = {4, 5}, double seconds = 10) {
    SensitivityOptions options;
    options.samples = std::move(samples);
    options.judged = {true, false};
    options.most_seconds = seconds;
    return options;
  }
  std::vector<Switched> asked;
  std::vector<std::size_t> samples;

 private:
  std::vector<float> moves_;
  int milliseconds_;
};

const std::vector<std::string> kNames = {"a", "b", "c", "d"};

TEST(Sensitivities, ErrorsAreSquaredRelativeDifferencesAndAddUp) {
  Nodes model({0.1F, 0.2F, 0, 0.4F});
  const auto found = sensitivities(kNames, {{0}, {1}, {2}, {3}}, model.run(), Nodes::options());
  ASSERT_TRUE(found.ok()) << found.error().full_message();
  ASSERT_EQ(found->nodes.size(), 4U);
  EXPECT_NEAR(found->nodes[0].error, 0.01 / 4, 1e-6);
  EXPECT_NEAR(found->nodes[1].error, 0.04 / 4, 1e-6);
  EXPECT_EQ(found->nodes[2].error, 0);
  EXPECT_NEAR(found->all, (0.01 + 0.04 + 0.16) / 4, 1e-6);
  EXPECT_EQ(found->nodes[3].node, "d");
  EXPECT_TRUE(found->nodes[3].alone);
  EXPECT_EQ(found->samples, 2U);
}

TEST(Sensitivities, GroupsFirstThenSingleNodesOfThoseThatLoseMost) {
  Nodes model({0.1F, 0.1F, 0.5F, 0});
  const auto found = sensitivities(kNames, {{0, 1}, {2, 3}}, model.run(), Nodes::options({4}));
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(model.asked, ElementsAre(Switched{0, 0, 0, 0}, Switched{0, 0, 0, 0}, Switched{1, 1, 1, 1},
                                       Switched{1, 1, 0, 0}, Switched{0, 0, 1, 1}, Switched{0, 0, 1, 0},
                                       Switched{0, 0, 0, 1}, Switched{1, 0, 0, 0}, Switched{0, 1, 0, 0}));
  EXPECT_EQ(found->nodes[3].error, 0) << "alone it loses nothing, although its group does";
  EXPECT_EQ(found->nodes[2].group, found->nodes[3].group);
  EXPECT_NE(found->nodes[1].group, found->nodes[2].group);
}

TEST(Sensitivities, WithoutTimeNodesShareWhatTheirGroupLoses) {
  Nodes model({0.1F, 0.3F, 0, 0}, 2);
  const auto found = sensitivities(kNames, {{0, 1}, {2}, {3}}, model.run(), Nodes::options({1, 2, 3}, 0));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->samples, 1U);
  EXPECT_FALSE(found->nodes[0].alone);
  EXPECT_NEAR(found->nodes[0].error, (0.01 + 0.09) / 4 / 2, 1e-6);
  EXPECT_EQ(found->nodes[0].error, found->nodes[1].error);
  EXPECT_TRUE(found->nodes[2].alone);
}

TEST(Sensitivities, OnlyJudgedOutputsCount) {
  Nodes model({0, 0, 0, 0});  // but for the second output, which moves with the first node
  SensitivityOptions options = Nodes::options();
  EXPECT_EQ(sensitivities(kNames, {{0}, {1}, {2}, {3}}, model.run(), options)->nodes[0].error, 0);
  options.judged.clear();
  EXPECT_EQ(sensitivities(kNames, {{0}, {1}, {2}, {3}}, model.run(), options)->nodes[0].error, 1);
}

TEST(Sensitivities, NewNaNIsAnInfiniteError) {
  Nodes model({0.1F, std::numeric_limits<float>::quiet_NaN(), 0, 0});
  const auto found = sensitivities(kNames, {{0}, {1}, {2}, {3}}, model.run(), Nodes::options());
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(std::isinf(found->nodes[1].error));
  EXPECT_TRUE(std::isfinite(found->nodes[0].error));
}

TEST(Sensitivities, EndsWhereItIsCancelledOrFails) {
  Nodes model({0, 0, 0, 0});
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(sensitivities(kNames, {{0}}, model.run(), Nodes::options(), cancel).error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(sensitivities(kNames, {{0}}, model.run(), Nodes::options({})).error().kind(), ErrorKind::kUsage);
  const RunSwitched failing = [](std::size_t, const Switched&, const TakeOutputs&) {
    return Result<void>(Error(ErrorKind::kVendor, "no"));
  };
  EXPECT_EQ(sensitivities(kNames, {{0}}, failing, Nodes::options()).error().message(), "no");
}

TEST(Sensitivities, ComeBackFromJson) {
  Sensitivities found;
  found.nodes = {{"a", 3, 0.25, true, 0.001}, {"b", 4, std::numeric_limits<double>::infinity(), false, 0}};
  found.all = 0.5;
  found.samples = 4;
  const auto back = sensitivities_from_json(to_json(found));
  ASSERT_TRUE(back.ok()) << back.error().full_message();
  EXPECT_EQ(to_json(*back).dump(), to_json(found).dump());
  EXPECT_TRUE(std::isinf(back->nodes[1].error));
  for (const char* key : {"node", "group", "error", "alone", "seconds"}) {
    Json broken = to_json(found);
    broken["nodes"][0].erase(key);
    EXPECT_EQ(sensitivities_from_json(broken).error().kind(), ErrorKind::kCorrupt) << key;
  }
  Json negative = to_json(found);
  negative["all"] = -1;
  EXPECT_THAT(sensitivities_from_json(negative).error().message(), HasSubstr("what its step wrote"));
}

}  // namespace
}  // namespace speedster::compressor
