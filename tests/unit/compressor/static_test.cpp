#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rewrite/rewrite.h"
#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;
using ::testing::Contains;
using ::testing::HasSubstr;

const Shape kImages = {2, 3, 16, 12};

struct Quantized {
  OnnxModel model;
  QuantizationSummary summary;
};

Quantized quantized(const OnnxModel& original, const std::string& backend, const Shape& shape,
                    const StaticOptions& options = {}, bool vnni = true) {
  const Target target = value_or_throw(target_for(backend, vnni));
  OnnxModel model = original.clone();
  value_or_throw(rewrite::rewrite(model, {}));
  const Ranges ranges = calibrated(model, calibration_tensors(model, target, options), shape);
  QuantizationSummary summary = value_or_throw(quantize_static(model, target, ranges, options));
  return {std::move(model), std::move(summary)};
}

TEST(QuantizeStatic, AConvolutionalNetStaysClose) {
  const OnnxModel original = parsed(models::small_cnn());
  for (const char* backend : {"onnxruntime", "openvino"}) {
    for (const bool vnni : {true, false}) {
      const Quantized q = quantized(original, backend, kImages, {}, vnni);
      EXPECT_EQ(q.summary.quantized_nodes, 4U) << backend;
      EXPECT_EQ(q.summary.share(), 1.0);
      const Difference d = compare(original, q.model, random_tensor(kImages, 100));
      EXPECT_GT(d.cosine, vnni ? 0.9995 : 0.998) << backend << " " << d.cosine;
      EXPECT_GT(d.relative_l2, 0) << "nothing was quantized";
    }
  }
}

TEST(QuantizeStatic, AttentionStaysCloseAndOnlyOpenVinoTakesComputedProducts) {
  const OnnxModel original = parsed(models::attention());
  const Shape shape{2, 5, 8};
  const Quantized ort = quantized(original, "onnxruntime", shape), openvino = quantized(original, "openvino", shape);
  EXPECT_EQ(ort.summary.quantized_nodes, 3U);
  EXPECT_EQ(ort.summary.candidate_nodes, 5U);
  EXPECT_THAT(ort.summary.skipped, Contains(HasSubstr("its weights are computed")));
  EXPECT_EQ(openvino.summary.quantized_nodes, 5U);
  for (const Quantized* q : {&ort, &openvino})
    EXPECT_GT(compare(original, q->model, random_tensor(shape, 100)).cosine, 0.999);
}

TEST(QuantizeStatic, ActivationsAreUnsignedWeightsSignedPerChannelAndBiasIn32Bits) {
  const Quantized q = quantized(parsed(models::small_cnn()), "onnxruntime", kImages);
  std::size_t activations = 0, weights = 0, biases = 0;
  OnnxModel copy = q.model.clone();
  const onnx_model::Graph graph(copy);
  for (const auto* node : graph.nodes()) {
    if (node->op_type() == "QuantizeLinear") {
      ++activations;
      EXPECT_EQ(graph.constant(node->input(2))->dtype, DType::kUInt8);
    }
    if (node->op_type() != "DequantizeLinear") continue;
    const auto values = graph.constant(node->input(0));
    if (!values) continue;
    if (values->dtype == DType::kInt8) {
      ++weights;
      const auto axis = static_cast<std::size_t>(onnx_model::int_attribute(*node, "axis", 1));
      EXPECT_EQ(graph.constant(node->input(1))->shape, Shape{values->shape[axis]});
    } else {
      ++biases;
      EXPECT_EQ(values->dtype, DType::kInt32);
    }
  }
  EXPECT_EQ(weights, 4U);
  EXPECT_EQ(biases, 2U) << "of the two nodes that have one after batch normalization is folded";
  EXPECT_GE(activations, 6U);
  for (const auto& tensor : q.model.proto().graph().initializer())
    EXPECT_NE(tensor.name(), "k1") << "the float weights are gone";
}

TEST(QuantizeStatic, SevenBitsWithoutVnni) {
  const Quantized q = quantized(parsed(models::small_cnn()), "onnxruntime", kImages, {}, false);
  for (const auto& tensor : q.model.proto().graph().initializer()) {
    if (tensor.data_type() != ::onnx::TensorProto::INT8) continue;
    const Tensor values = value_or_throw(q.model.initializer(tensor));
    for (std::int8_t value : values.as<std::int8_t>()) ASSERT_LE(std::abs(value), 63);
  }
}

TEST(QuantizeStatic, ExcludedNodesStayFloat) {
  const OnnxModel original = parsed(models::small_cnn());
  StaticOptions by_name, by_pattern, by_operator;
  by_name.exclude_nodes = {"head"};
  by_pattern.exclude_patterns = {"conv*"};
  by_operator.exclude_patterns = {"Conv"};
  EXPECT_EQ(quantized(original, "onnxruntime", kImages, by_name).summary.quantized_nodes, 3U);
  const Quantized some = quantized(original, "onnxruntime", kImages, by_pattern);
  EXPECT_THAT(some.summary.skipped, Contains("conv1: excluded"));
  EXPECT_EQ(some.summary.quantized_nodes, 3U);
  EXPECT_EQ(quantized(original, "onnxruntime", kImages, by_operator).summary.quantized_nodes, 1U);
  EXPECT_GT(compare(original, some.model, random_tensor(kImages, 100)).cosine, 0.9995);
}

TEST(QuantizeStatic, OneWeightOfSeveralNodesIsStoredOnce) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 8})
      .output("y", OnnxType::kFloat, {"n", 8})
      .initializer<float>("w", {8, 8}, uniform(64, 1));
  m.node("MatMul", {"x", "w"}, {"a"})
      .node("Tanh", {"a"}, {"b"})
      .node("MatMul", {"b", "w"}, {"c"})
      .node("Gemm", {"c", "w"}, {"d"}, {{"transB", 1}});
  m.node("Gather", {"w", "rows"}, {"e"}).initializer<std::int64_t>("rows", {1}, {0}).node("Add", {"d", "e"}, {"y"});
  const OnnxModel original = parsed(m);
  const Quantized q = quantized(original, "onnxruntime", {3, 8});
  std::size_t int8 = 0, float_weight = 0;
  for (const auto& tensor : q.model.proto().graph().initializer()) {
    int8 += tensor.data_type() == ::onnx::TensorProto::INT8;
    float_weight += tensor.name() == "w";
  }
  EXPECT_EQ(int8, 2U) << "one for each axis of the scales";
  EXPECT_EQ(float_weight, 1U) << "Gather still reads it";
  EXPECT_GT(compare(original, q.model, random_tensor({3, 8}, 100)).cosine, 0.999);
}

TEST(QuantizeStatic, WeightsInConstantNodesBehindIdentityAndAmongTheInputs) {
  OnnxWriter m(13, 3);
  m.input("x", OnnxType::kFloat, {"n", 8})
      .input("listed", OnnxType::kFloat, {8, 8})
      .output("y", OnnxType::kFloat, {"n", 8});
  m.node("Constant", {}, {"c"}, {{"value", tensor_data<float>({8, 8}, uniform(64, 1))}}).node("Identity", {"c"}, {"i"});
  m.initializer<float>("listed", {8, 8}, uniform(64, 2));
  m.node("MatMul", {"x", "i"}, {"a"}).node("MatMul", {"a", "listed"}, {"y"});
  const OnnxModel original = parsed(m);
  const Quantized q = quantized(original, "onnxruntime", {3, 8});
  EXPECT_EQ(q.summary.quantized_nodes, 2U);
  EXPECT_EQ(q.model.proto().graph().input_size(), 1);
  EXPECT_EQ(count(q.model, "Constant") + count(q.model, "Identity"), 0U);
  EXPECT_GT(compare(original, q.model, random_tensor({3, 8}, 100)).cosine, 0.999);
}

TEST(QuantizeStatic, ABiasBeyond32BitsWidensTheScale) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4}).output("y", OnnxType::kFloat, {"n", 2});
  m.initializer<float>("w", {4, 2}, {1e-12F, 1, -1e-12F, 1, 0, 1, 0, 1}).initializer<float>("b", {2}, {100.0F, 1.0F});
  const OnnxModel original = parsed(m.node("Gemm", {"x", "w", "b"}, {"y"}));
  const Quantized q = quantized(original, "onnxruntime", {3, 4});
  const Tensor y = run(q.model, random_tensor({3, 4}, 100));
  for (int row = 0; row < 3; ++row) EXPECT_NEAR(y.as<float>()[static_cast<std::size_t>(2 * row)], 100.0F, 0.1F);
}

TEST(QuantizeStatic, TheGraphsOutputKeepsItsName) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 3, "h", "w"}).output("y", OnnxType::kFloat, {"n", 4, "", ""});
  m.initializer<float>("k", {4, 3, 1, 1}, uniform(12, 1)).node("Conv", {"x", "k"}, {"y"});
  const OnnxModel original = parsed(m);
  const Quantized q = quantized(original, "onnxruntime", kImages);
  EXPECT_EQ(value_or_throw(q.model.signature()), value_or_throw(original.signature()));
  EXPECT_GT(compare(original, q.model, random_tensor(kImages, 100)).cosine, 0.9999);
}

TEST(QuantizeStatic, OldOpsetsAreRaisedAndOldOnesRefused) {
  const auto model = [](std::int64_t opset) {
    OnnxWriter m(opset, 4);
    m.input("x", OnnxType::kFloat, {"n", 8}).output("y", OnnxType::kFloat, {"n", 4});
    m.initializer<float>("w", {8, 4}, uniform(32, 1))
        .node("MatMul", {"x", "w"}, {"a"})
        .node("Softmax", {"a"}, {"y"}, {{"axis", 1}});
    return parsed(m);
  };
  const OnnxModel old = model(11);
  const Quantized q = quantized(old, "onnxruntime", {3, 8});
  EXPECT_GE(q.model.opset(), 13);
  EXPECT_GT(compare(old, q.model, random_tensor({3, 8}, 100)).cosine, 0.999);
  OnnxModel ancient = model(9);
  const Ranges ranges{{"x", {-1, 1}}};
  EXPECT_EQ(quantize_static(ancient, value_or_throw(target_for("onnxruntime", true)), ranges, {}).error().kind(),
            ErrorKind::kUnsupported);
}

TEST(QuantizeStatic, WhatIsQuantizedAlreadyIsRefused) {
  for (const OnnxWriter& writer : {models::qdq_mlp(), models::dynamic_int8()}) {
    OnnxModel model = parsed(writer);
    const auto refused = quantize_static(model, value_or_throw(target_for("onnxruntime", true)), {}, {});
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(refused.error().message(), HasSubstr("quantized already"));
  }
}

TEST(QuantizeStatic, MissingAndBrokenRangesAreNamed) {
  const Target target = value_or_throw(target_for("onnxruntime", true));
  OnnxModel model = parsed(models::mlp());
  EXPECT_THAT(quantize_static(model, target, {}, {}).error().message(), HasSubstr("range of 'x'"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(quantize_static(model, target, {{"x", {nan, 1}}, {"r", {0, 1}}}, {}).error().kind(), ErrorKind::kBadInput);
}

TEST(QuantizeStatic, UnknownTargets) { EXPECT_EQ(target_for("abacus", true).error().kind(), ErrorKind::kUnsupported); }

TEST(WithOutputs, GivesTheValuesAndDropsTheRest) {
  const OnnxModel original = parsed(models::mlp());
  const OnnxModel part = value_or_throw(with_outputs(original, {"r", "x"}));
  EXPECT_EQ(count(part, "Gemm"), 1U);
  const Tensor input = random_tensor({2, 16}, 3);
  const Tensor r = run(part, input);
  EXPECT_EQ(r.shape(), (Shape{2, 32}));
  EXPECT_EQ(with_outputs(original, {"nothing"}).error().kind(), ErrorKind::kNotFound);
}

/// Positive activations, and weights that all round to the same side: what is lost is the same for every input.
OnnxModel one_sided(const std::string& op, bool bias) {
  const bool images = op == "Conv";
  const std::vector<std::int64_t> extents = op == "MatMul" ? Extents{8, 2}
                                            : images       ? Extents{2, 8, 1, 1}
                                                           : Extents{2, 8};
  std::vector<float> values(16);
  for (std::size_t o = 0; o < 2; ++o)
    for (std::size_t i = 0; i < 8; ++i)
      values[op == "MatMul" ? i * 2 + o : o * 8 + i] = i == 0 ? 127.0F : o == 0 ? 0.4F : -0.4F;
  OnnxWriter m;
  if (images)
    m.input("x", OnnxType::kFloat, {"n", 8, 4, 4}).output("y", OnnxType::kFloat, {"n", 2, 4, 4});
  else
    m.input("x", OnnxType::kFloat, {"n", 8}).output("y", OnnxType::kFloat, {"n", 2});
  m.initializer<float>("w", extents, values).initializer<float>("b", {2}, {3, -2}).node("Abs", {"x"}, {"a"});
  const std::vector<std::string> inputs =
      bias ? std::vector<std::string>{"a", "w", "b"} : std::vector<std::string>{"a", "w"};
  if (op == "MatMul" && bias)
    m.node("MatMul", {"a", "w"}, {"p"}).node("Add", {"b", "p"}, {"y"});
  else if (op == "Gemm")
    m.node(op, inputs, {"y"}, {{"transB", 1}});
  else
    m.node(op, inputs, {"y"});
  return parsed(m);
}

StaticOptions correcting(const OnnxModel& model, const Shape& shape) {
  StaticOptions options;
  options.channels = calibrated_channels(model, shape);
  return options;
}

TEST(QuantizeStatic, BiasCorrectionTakesWhatRoundingTheWeightsLoses) {
  for (const char* backend : {"onnxruntime", "openvino"}) {
    for (const auto& [op, bias] : {std::pair<std::string, bool>("Conv", true),
                                   {"Conv", false},
                                   {"Gemm", true},
                                   {"Gemm", false},
                                   {"MatMul", true}}) {
      const OnnxModel original = one_sided(op, bias);
      const Shape shape = op == "Conv" ? Shape{2, 8, 4, 4} : Shape{32, 8};
      const Quantized plain = quantized(original, backend, shape),
                      corrected = quantized(original, backend, shape, correcting(original, shape));
      EXPECT_EQ(plain.summary.corrected_biases, 0U);
      EXPECT_EQ(corrected.summary.corrected_biases, 1U) << backend << " " << op;
      EXPECT_EQ(corrected.summary.quantized_nodes, plain.summary.quantized_nodes);
      const Tensor input = random_tensor(shape, 300);
      EXPECT_LT(compare(original, corrected.model, input).mse, 0.3 * compare(original, plain.model, input).mse)
          << backend << " " << op << (bias ? " with a bias" : "");
      // ONNX Runtime fuses a bias in 32 bits alone.
      if (std::string_view(backend) != "onnxruntime" || op == "MatMul") continue;
      EXPECT_EQ(count(corrected.model, "DequantizeLinear"), count(plain.model, "DequantizeLinear") + (bias ? 0U : 1U));
    }
  }
}

TEST(QuantizeStatic, AProductWithoutAnAdditionHasNothingToCorrect) {
  const OnnxModel original = one_sided("MatMul", false);
  EXPECT_EQ(quantized(original, "openvino", {32, 8}, correcting(original, {32, 8})).summary.corrected_biases, 0U);
}

TEST(QuantizeStatic, BiasCorrectionCountsWhereAKernelLiesOnData) {
  // A map of one row: of nine places of the kernel six always lie on padding.
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4, 1, 6}).output("y", OnnxType::kFloat, {"n", 2, 1, 6});
  std::vector<float> weights(2 * 4 * 9, 0.4F);
  weights[4] = weights[36 + 4] = 127;
  m.initializer<float>("w", {2, 4, 3, 3}, weights).node("Abs", {"x"}, {"a"});
  m.node("Conv", {"a", "w"}, {"y"}, {{"pads", Extents{1, 1, 1, 1}}});
  const OnnxModel original = parsed(m);
  const Shape shape{8, 4, 1, 6};
  const Quantized plain = quantized(original, "openvino", shape),
                  corrected = quantized(original, "openvino", shape, correcting(original, shape));
  const Tensor input = random_tensor(shape, 300);
  EXPECT_LT(compare(original, corrected.model, input).mse, 0.4 * compare(original, plain.model, input).mse);
}

}  // namespace
}  // namespace speedster::compressor
