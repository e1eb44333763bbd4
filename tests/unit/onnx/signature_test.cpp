#include "model/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/model.h"
#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;

TEST(OnnxSignature, NamesTypesAndSymbolicAxes) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 3, "?", -1, ""}).output("y", OnnxType::kFloat, {"batch", 3, "?", -1, ""});
  const Signature signature = parsed(m.node("Relu", {"x"}, {"y"})).signature().value();
  ASSERT_EQ(signature.inputs.size(), 1U);
  EXPECT_EQ(describe(signature.inputs[0]), "x float32 [batch, 3, ?, ?, ?]");
  EXPECT_TRUE(signature.inputs[0].axes[2].name.empty()) << "two axes named \"?\" are not the same axis";
}

TEST(OnnxSignature, InitializersAreNoInputs) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).input("w", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
  m.initializer<float>("w", {2}, {1, 2}).node("Add", {"x", "w"}, {"y"});
  const Signature signature = parsed(m).signature().value();
  ASSERT_EQ(signature.inputs.size(), 1U);
  EXPECT_EQ(signature.inputs[0].name, "x");
}

TEST(OnnxSignature, UnknownRankAndScalars) {
  OnnxWriter m;
  m.input("x", OnnxType::kInt64, {}).unranked_output("y", OnnxType::kInt64);
  const Signature signature = parsed(m.node("Identity", {"x"}, {"y"})).signature().value();
  EXPECT_FALSE(signature.inputs[0].unknown_rank);
  EXPECT_TRUE(signature.inputs[0].axes.empty());
  EXPECT_TRUE(signature.outputs[0].unknown_rank);
}

TEST(OnnxSignature, StringsAndSequencesAreRefusedClearly) {
  const auto strings = parsed(models::strings()).signature();
  EXPECT_EQ(strings.error().kind(), ErrorKind::kBadInput);
  EXPECT_THAT(strings.error().message(), ::testing::HasSubstr("'x' to be a tensor of numbers, got string"));
  WireWriter graph;
  const WireWriter sequence = WireWriter().message(4, WireWriter());
  graph.message(11, WireWriter().text(1, "x").message(2, sequence))
      .message(12, WireWriter().text(1, "x").message(2, sequence));
  const std::string bytes = WireWriter().integer(1, 8).message(7, graph).bytes();
  const auto model = OnnxModel::read_from_memory(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(model.ok()) << model.error().full_message();
  EXPECT_THAT(model->signature().error().message(), ::testing::HasSubstr("a sequence"));
}

TEST(OnnxSignature, NamesWithZeroBytesAreRefused) {
  OnnxWriter m;
  const std::string name("x\0y", 3);
  m.input(name, OnnxType::kFloat, {1}).output("z", OnnxType::kFloat, {1}).node("Relu", {name}, {"z"});
  EXPECT_EQ(parsed(m).signature().error().kind(), ErrorKind::kBadInput);
}

}  // namespace
}  // namespace speedster::onnx_model
