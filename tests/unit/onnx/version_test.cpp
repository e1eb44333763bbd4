#include "onnx/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include "base/files.h"
#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;

std::vector<float> run(const OnnxModel& model, const Shape& shape) {
  const auto folder = TempDir::create("version");
  const fs::path path = folder->path() / "model.onnx";
  ok_or_throw(model.save(path));
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::from<float>(
      DType::kFloat32, shape, std::span<const float>(uniform(static_cast<std::size_t>(*element_count(shape)), 5))));
  const auto outputs = ReferenceRunner(path).run(inputs);
  const auto values = outputs.at(0).as<float>();
  return {values.begin(), values.end()};
}

TEST(RaiseOpset, SqueezeUnsqueezeAndReduceSumComputeTheSame) {
  OnnxWriter m(11);
  m.input("x", OnnxType::kFloat, {2, 1, 3}).output("y", OnnxType::kFloat, {});
  m.node("Squeeze", {"x"}, {"s"}, {{"axes", Extents{1}}})
      .node("ReduceSum", {"s"}, {"r"}, {{"axes", Extents{1}}, {"keepdims", 0}});
  m.node("Unsqueeze", {"r"}, {"y"}, {{"axes", Extents{0, 2}}});
  OnnxModel model = parsed(m);
  ok_or_throw(raise_opset(model, 13));
  EXPECT_EQ(model.opset(), 13);
  const std::vector<float> x = uniform(6, 5);
  EXPECT_EQ(run(model, {2, 1, 3}), (std::vector<float>{x[0] + x[1] + x[2], x[3] + x[4] + x[5]}));
}

TEST(RaiseOpset, SplitSizesBecomeAnInput) {
  OnnxWriter m(12);
  m.input("x", OnnxType::kFloat, {6}).output("b", OnnxType::kFloat, {4});
  m.node("Split", {"x"}, {"a", "b"}, {{"axis", 0}, {"split", Extents{2, 4}}});
  OnnxModel model = parsed(m);
  ok_or_throw(raise_opset(model, 14));
  const std::vector<float> x = uniform(6, 5);
  EXPECT_EQ(run(model, {6}), std::vector<float>(x.begin() + 2, x.end()));
}

TEST(RaiseOpset, SoftmaxOverTheFlattenedTail) {
  // Before opset 13, axis 1 of [2, 3, 4] normalized over all 12 values behind it.
  OnnxWriter m(11);
  m.input("x", OnnxType::kFloat, {2, 3, 4})
      .output("y", OnnxType::kFloat, {2, 3, 4})
      .node("Softmax", {"x"}, {"y"}, {{"axis", 1}});
  OnnxModel model = parsed(m);
  ok_or_throw(raise_opset(model, 13));
  const std::vector<float> y = run(model, {2, 3, 4});
  ASSERT_EQ(y.size(), 24U);
  EXPECT_NEAR(std::accumulate(y.begin(), y.begin() + 12, 0.0), 1.0, 1e-6);
  EXPECT_NEAR(std::accumulate(y.begin() + 12, y.end(), 0.0), 1.0, 1e-6);
}

TEST(RaiseOpset, SoftmaxOverTheLastAxisStaysOneNode) {
  OnnxWriter m(12);
  m.input("x", OnnxType::kFloat, {"n", 3, 4})
      .output("y", OnnxType::kFloat, {"n", 3, 4})
      .node("Softmax", {"x"}, {"y"}, {{"axis", 2}});
  OnnxModel model = parsed(m);
  ok_or_throw(raise_opset(model, 13));
  EXPECT_EQ(model.proto().graph().node_size(), 1);
}

TEST(RaiseOpset, NewerModelsAreLeftAloneAndOlderOnesRefused) {
  OnnxModel newer = parsed(OnnxWriter(21, 10)
                               .input("x", OnnxType::kFloat, {1})
                               .output("y", OnnxType::kFloat, {1})
                               .node("Relu", {"x"}, {"y"}));
  ok_or_throw(raise_opset(newer, 13));
  EXPECT_EQ(newer.opset(), 21);
  OnnxModel older = parsed(
      OnnxWriter(9, 4).input("x", OnnxType::kFloat, {1}).output("y", OnnxType::kFloat, {1}).node("Relu", {"x"}, {"y"}));
  const auto refused = raise_opset(older, 13);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("export the model again"));
  EXPECT_EQ(older.opset(), 9);
}

TEST(RaiseOpset, ANodeWithoutItsInputIsRefused) {
  OnnxWriter m(11);
  m.output("y", OnnxType::kFloat, {1}).node("Softmax", {}, {"y"});
  OnnxModel model = parsed(m);
  const auto refused = raise_opset(model, 13);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind(), ErrorKind::kBadInput);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("Softmax"));
}

}  // namespace
}  // namespace speedster::onnx_model
