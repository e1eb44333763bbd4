#include "onnx/model.h"

#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include "base/files.h"
#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;

TEST(Model, OperatorsCountSubgraphsAndNameDomains) {
  const WireWriter inner =
      WireWriter().message(1, WireWriter().text(2, "t").text(4, "Tanh")).message(12, WireWriter().text(1, "t"));
  const WireWriter branch = WireWriter().text(1, "then_branch").message(6, inner).integer(20, 5);
  WireWriter graph;
  graph.message(1, WireWriter().text(2, "a").text(4, "Gelu").text(7, "com.microsoft"));
  graph.message(1, WireWriter().text(2, "b").text(4, "Tanh").text(7, "ai.onnx"));
  graph.message(1, WireWriter().text(2, "c").text(4, "If").message(5, branch));
  const std::string bytes =
      WireWriter().integer(1, 8).message(7, graph).message(8, WireWriter().text(1, "").integer(2, 17)).bytes();
  const OnnxModel model = value_or_throw(OnnxModel::read_from_memory(std::as_bytes(std::span(bytes))));
  EXPECT_EQ(model.operators(), (std::map<std::string, std::size_t>{{"If", 1}, {"Tanh", 2}, {"com.microsoft.Gelu", 1}}));
  EXPECT_EQ(model.opset(), 17);
}

TEST(Model, WeightBytesCountInitializersAndConstants) {
  OnnxWriter m;
  m.initializer<float>("w", {100}, std::vector<float>(100)).output("y", OnnxType::kFloat, {100});
  m.node("Constant", {}, {"c"}, {{"value", tensor_data<float>({}, {1.0F})}}).node("Add", {"w", "c"}, {"y"});
  EXPECT_EQ(parsed(m).weight_bytes(), 404U);
}

TEST(Model, DigestIsThatOfTheModelAndNotOfItsStorage) {
  const auto folder = TempDir::create("onnx");
  ASSERT_TRUE(folder.ok());
  const OnnxModel inside = value_or_throw(OnnxModel::read(models::mlp().save(folder->path() / "inside.onnx")));
  const OnnxModel outside =
      value_or_throw(OnnxModel::read(models::external_data().save(folder->path() / "outside.onnx")));
  const OnnxModel other = value_or_throw(OnnxModel::read(models::mlp(7).save(folder->path() / "other.onnx")));
  EXPECT_EQ(inside.digest().value(), outside.digest().value());
  EXPECT_NE(inside.digest().value(), other.digest().value());
  EXPECT_EQ(outside.external_files().value(), std::vector<fs::path>{fs::absolute(folder->path() / "weights.bin")});
  EXPECT_TRUE(inside.external_files().value().empty());
}

TEST(Model, ChangingAnExternalWeightChangesTheDigest) {
  const auto folder = TempDir::create("onnx");
  ASSERT_TRUE(folder.ok());
  const OnnxModel model = value_or_throw(OnnxModel::read(models::external_data().save(folder->path() / "model.onnx")));
  const std::string before = model.digest().value();
  std::string weights = read_file(folder->path() / "weights.bin").value();
  weights.back() = static_cast<char>(weights.back() ^ 1);
  OnnxWriter::write(folder->path() / "weights.bin", weights);
  EXPECT_NE(model.digest().value(), before);
}

TEST(Model, ALargeWeightStaysInTheFileUntilItIsWanted) {
  const auto folder = TempDir::create("onnx");
  ASSERT_TRUE(folder.ok());
  const std::vector<float> values = uniform(100'000, 3);
  OnnxWriter m;
  m.initializer<float>("w", {100'000}, values).output("w", OnnxType::kFloat, {100'000});
  const OnnxModel model = value_or_throw(OnnxModel::read(m.save(folder->path() / "model.onnx")));
  EXPECT_LT(model.proto().ByteSizeLong(), 1000U);
  const Tensor loaded = value_or_throw(model.initializer(model.proto().graph().initializer(0)));
  EXPECT_TRUE(std::equal(values.begin(), values.end(), loaded.as<float>().begin()));
}

TEST(Model, CloneIsIndependent) {
  OnnxModel model = parsed(models::mlp());
  OnnxModel copy = model.clone();
  copy.proto().mutable_graph()->clear_node();
  EXPECT_EQ(model.proto().graph().node_size(), 3);
  EXPECT_TRUE(copy.initializer(copy.proto().graph().initializer(0)).ok());
}

}  // namespace
}  // namespace speedster::onnx_model
