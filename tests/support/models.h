/// Ready models for tests: small, with deterministic weights, each for one property of a backend.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/onnx_writer.h"

namespace speedster::testing {

/// Uniform numbers in [low, high) that are the same everywhere (splitmix64).
inline std::vector<float> uniform(std::size_t count, std::uint64_t seed, float low = -1.0F, float high = 1.0F) {
  std::vector<float> values(count);
  for (float& value : values) {
    std::uint64_t z = (seed += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    value = low + (high - low) * static_cast<float>((z ^ (z >> 31U)) >> 40U) * 0x1p-24F;
  }
  return values;
}

/// The same as integers in [low, high].
template <typename T>
std::vector<T> uniform_integers(std::size_t count, std::uint64_t seed, std::int64_t low, std::int64_t high) {
  std::vector<T> values;
  for (const float u : uniform(count, seed, 0, 1))
    values.push_back(
        static_cast<T>(low + static_cast<std::int64_t>(static_cast<double>(u) * static_cast<double>(high - low + 1))));
  return values;
}

namespace models {

/// x float32 [batch, 16] → y [batch, 4], a hidden layer of 32. With `file`, the weights are external.
inline OnnxWriter mlp(std::uint64_t seed = 1, const std::string& file = {}) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 16}).output("y", OnnxType::kFloat, {"batch", 4});
  const auto weight = [&](const std::string& name, const Extents& dims, std::size_t count, std::uint64_t s) {
    const auto values = uniform(count, s, -0.5F, 0.5F);
    file.empty() ? m.initializer<float>(name, dims, values) : m.external<float>(name, dims, values, file);
  };
  weight("w1", {16, 32}, 512, seed);
  weight("b1", {32}, 32, seed + 1);
  weight("w2", {32, 4}, 128, seed + 2);
  weight("b2", {4}, 4, seed + 3);
  m.node("Gemm", {"x", "w1", "b1"}, {"h"}, {}, "fc1").node("Relu", {"h"}, {"r"}, {}, "relu");
  return m.node("Gemm", {"r", "w2", "b2"}, {"y"}, {}, "fc2");
}

/// mlp() with its weights in `weights.bin` beside the model.
inline OnnxWriter external_data(std::uint64_t seed = 1) { return mlp(seed, "weights.bin"); }

/// images float32 [batch, 3, height, width] → logits [batch, 5]: convolutions (one grouped), pooling, normalization,
/// Gemm.
inline OnnxWriter small_cnn() {
  OnnxWriter m;
  m.input("images", OnnxType::kFloat, {"batch", 3, "height", "width"}).output("logits", OnnxType::kFloat, {"batch", 5});
  m.initializer<float>("k1", {8, 3, 3, 3}, uniform(216, 11, -0.3F, 0.3F)).initializer<float>("c1", {8}, uniform(8, 12));
  m.initializer<float>("scale", {8}, uniform(8, 13, 0.5F, 1.5F)).initializer<float>("shift", {8}, uniform(8, 14));
  m.initializer<float>("mean", {8}, uniform(8, 15, -0.1F, 0.1F))
      .initializer<float>("var", {8}, uniform(8, 16, 0.5F, 1.5F));
  m.initializer<float>("k2", {8, 1, 3, 3}, uniform(72, 17, -0.5F, 0.5F));
  m.initializer<float>("k3", {16, 8, 1, 1}, uniform(128, 18, -0.5F, 0.5F));
  m.initializer<float>("w", {5, 16}, uniform(80, 19, -0.5F, 0.5F)).initializer<float>("b", {5}, uniform(5, 20));
  m.node("Conv", {"images", "k1", "c1"}, {"a"}, {{"pads", Extents{1, 1, 1, 1}}, {"strides", Extents{2, 2}}}, "conv1");
  m.node("BatchNormalization", {"a", "scale", "shift", "mean", "var"}, {"n"}, {}, "norm").node("Relu", {"n"}, {"r"});
  m.node("Conv", {"r", "k2"}, {"d"}, {{"pads", Extents{1, 1, 1, 1}}, {"group", 8}}, "depthwise");
  m.node("MaxPool", {"d"}, {"p"}, {{"kernel_shape", Extents{2, 2}}, {"strides", Extents{2, 2}}, {"ceil_mode", 1}});
  m.node("Conv", {"p", "k3"}, {"q"}, {}, "pointwise").node("HardSwish", {"q"}, {"s"});
  m.node("GlobalAveragePool", {"s"}, {"g"}).node("Flatten", {"g"}, {"f"});
  return m.node("Gemm", {"f", "w", "b"}, {"logits"}, {{"transB", 1}}, "head");
}

/// tokens float32 [batch, sequence, 8] → mixed, same shape: one attention head with layer normalization.
inline OnnxWriter attention() {
  OnnxWriter m;
  m.input("tokens", OnnxType::kFloat, {"batch", "sequence", 8});
  m.output("mixed", OnnxType::kFloat, {"batch", "sequence", 8});
  for (const auto& [name, seed] : {std::pair{"wq", 31}, {"wk", 32}, {"wv", 33}})
    m.initializer<float>(name, {8, 8}, uniform(64, static_cast<std::uint64_t>(seed), -0.4F, 0.4F));
  m.initializer<float>("gamma", {8}, uniform(8, 34, 0.5F, 1.5F)).initializer<float>("beta", {8}, uniform(8, 35));
  m.initializer<float>("root", {}, {0.35355339F});
  m.node("LayerNormalization", {"tokens", "gamma", "beta"}, {"n"}, {{"axis", -1}, {"epsilon", 1e-5F}});
  m.node("MatMul", {"n", "wq"}, {"q"}).node("MatMul", {"n", "wk"}, {"k"}).node("MatMul", {"n", "wv"}, {"v"});
  m.node("Transpose", {"k"}, {"kt"}, {{"perm", Extents{0, 2, 1}}}).node("MatMul", {"q", "kt"}, {"scores"});
  m.node("Mul", {"scores", "root"}, {"scaled"}).node("Softmax", {"scaled"}, {"weights"}, {{"axis", -1}});
  return m.node("MatMul", {"weights", "v"}, {"context"}).node("Add", {"context", "tokens"}, {"mixed"});
}

/// a float32 [rows, inner] × b [inner, columns] → c [rows, columns]: every axis is free.
inline OnnxWriter dynamic_matmul() {
  OnnxWriter m;
  m.input("a", OnnxType::kFloat, {"rows", "inner"}).input("b", OnnxType::kFloat, {"inner", "columns"});
  m.output("c", OnnxType::kFloat, {"rows", "columns"});
  return m.node("MatMul", {"a", "b"}, {"c"});
}

/// x float32 [n] → where int64 [1, found]: the shape of the output depends on the data.
inline OnnxWriter nonzero() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n"}).output("where", OnnxType::kInt64, {1, "found"});
  return m.node("NonZero", {"x"}, {"where"});
}

/// a, b float32 scalars → sum scalar.
inline OnnxWriter scalar() {
  OnnxWriter m;
  m.input("a", OnnxType::kFloat, {}).input("b", OnnxType::kFloat, {}).output("sum", OnnxType::kFloat, {});
  return m.node("Add", {"a", "b"}, {"sum"});
}

/// x float32 [n, 3] → y [m, 3]: x and two constant rows, one below the other; n may be 0.
inline OnnxWriter rows() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 3}).output("y", OnnxType::kFloat, {"m", 3});
  m.initializer<float>("two", {2, 3}, {1, 2, 3, 4, 5, 6});
  return m.node("Concat", {"x", "two"}, {"y"}, {{"axis", 0}});
}

/// x float32 [n, 3] → y [n, 3] = 2 x; with n = 0 input and output are empty.
inline OnnxWriter empty() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 3}).output("y", OnnxType::kFloat, {"n", 3});
  m.initializer<float>("two", {}, {2.0F});
  return m.node("Mul", {"x", "two"}, {"y"});
}

/// x float32 [n, 2] → x as it came, and y = relu(x).
inline OnnxWriter passed_through() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 2})
      .output("x", OnnxType::kFloat, {"n", 2})
      .output("y", OnnxType::kFloat, {"n", 2});
  return m.node("Relu", {"x"}, {"y"});
}

/// x TYPE [n, 2] → y: the bytes as they are. Opset 21, where Identity takes every type.
inline OnnxWriter identity(OnnxType type) {
  OnnxWriter m(type == OnnxType::kFloat4E2M1 ? 23 : 21, type == OnnxType::kFloat4E2M1 ? 11 : 10);
  m.input("x", type, {"n", 2}).output("y", type, {"n", 2});
  return m.node("Identity", {"x"}, {"y"});
}

/// x float32 [batch, 16] → y [batch, 4]: mlp() in QDQ form, unsigned activations, per-channel signed 7-bit weights.
inline OnnxWriter qdq_mlp() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 16}).output("y", OnnxType::kFloat, {"batch", 4});
  const auto activation = [&](const std::string& in, const std::string& out, float scale, std::uint8_t zero) {
    m.initializer<float>(out + "_scale", {}, {scale}).initializer<std::uint8_t>(out + "_zero", {}, {zero});
    m.node("QuantizeLinear", {in, out + "_scale", out + "_zero"}, {out + "_q"});
    m.node("DequantizeLinear", {out + "_q", out + "_scale", out + "_zero"}, {out});
  };
  const auto weight = [&](const std::string& name, std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
    m.initializer<std::int8_t>(name + "_q", {rows, columns},
                               uniform_integers<std::int8_t>(static_cast<std::size_t>(rows * columns), seed, -63, 63));
    m.initializer<float>(name + "_scale", {columns},
                         uniform(static_cast<std::size_t>(columns), seed + 1, 0.005F, 0.01F));
    m.initializer<std::int8_t>(name + "_zero", {columns}, std::vector<std::int8_t>(static_cast<std::size_t>(columns)));
    m.node("DequantizeLinear", {name + "_q", name + "_scale", name + "_zero"}, {name}, {{"axis", 1}});
  };
  activation("x", "xq", 2.0F / 255.0F, 128);
  weight("w1", 16, 32, 41);
  weight("w2", 32, 4, 43);
  m.node("MatMul", {"xq", "w1"}, {"h"}, {}, "fc1").node("Relu", {"h"}, {"r"});
  activation("r", "rq", 4.0F / 255.0F, 0);
  return m.node("MatMul", {"rq", "w2"}, {"y"}, {}, "fc2");
}

/// x float32 [batch, 16] → y [batch, 4]: dynamic quantization by DynamicQuantizeLinear and MatMulInteger.
inline OnnxWriter dynamic_int8() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 16}).output("y", OnnxType::kFloat, {"batch", 4});
  m.initializer<std::int8_t>("w", {16, 4}, uniform_integers<std::int8_t>(64, 51, -63, 63));
  m.initializer<std::int8_t>("wz", {}, {0}).initializer<float>("ws", {}, {0.01F});
  m.node("DynamicQuantizeLinear", {"x"}, {"xq", "xs", "xz"}).node("MatMulInteger", {"xq", "w", "xz", "wz"}, {"i"});
  m.node("Cast", {"i"}, {"f"}, {{"to", 1}}).node("Mul", {"xs", "ws"}, {"s"});
  return m.node("Mul", {"f", "s"}, {"y"});
}

/// x float32 [n, 4] → sum [n], largest [n], halves: several outputs of several dtypes.
inline OnnxWriter several_outputs() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 4}).output("sum", OnnxType::kFloat, {"n"});
  m.output("largest", OnnxType::kInt64, {"n"}).output("positive", OnnxType::kBool, {"n", 4});
  m.initializer<std::int64_t>("axes", {1}, {1}).initializer<float>("zero", {}, {0.0F});
  m.node("ReduceSum", {"x", "axes"}, {"sum"}, {{"keepdims", 0}});
  m.node("ArgMax", {"x"}, {"largest"}, {{"axis", 1}, {"keepdims", 0}});
  return m.node("Greater", {"x", "zero"}, {"positive"});
}

/// Long enough to be cancelled: x float32 [n, n] is multiplied with itself `steps` times (scaled so that it stays
/// finite).
inline OnnxWriter long_chain(int steps = 40) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", "n"}).output("y", OnnxType::kFloat, {"n", "n"});
  std::string last = "x";
  for (int i = 0; i < steps; ++i) {
    const std::string next = i + 1 == steps ? "y" : "s" + std::to_string(i);
    m.node("MatMul", {last, "x"}, {"m" + std::to_string(i)})
        .node("Softmax", {"m" + std::to_string(i)}, {next}, {{"axis", 1}});
    last = next;
  }
  return m;
}

/// x float32 [batch, width] → y [batch, width]: `layers` products with Relu between them, named layer0, layer1, … Each
/// of `spoilers` (above 0) has a row of weights a hundred times as large as the others, read from a value that is
/// always 0: in floating point it changes nothing, in 8 bits it leaves no room for the others.
inline OnnxWriter spoiled_chain(int layers, int width, const std::vector<int>& spoilers, std::uint64_t seed = 1) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", width}).output("y", OnnxType::kFloat, {"batch", width});
  const auto n = static_cast<std::size_t>(width);
  const float bound = std::sqrt(6.0F / static_cast<float>(width));  // keeps the variance through Relu
  const auto spoils = [&](int layer) { return std::find(spoilers.begin(), spoilers.end(), layer) != spoilers.end(); };
  std::string last = "x";
  for (int i = 0; i < layers; ++i) {
    std::vector<float> weights = uniform(n * n, seed + static_cast<std::uint64_t>(i), -bound, bound);
    if (spoils(i + 1))
      for (std::size_t row = 0; row < n; ++row) weights[row * n] = 0;  // the value that is always 0
    if (spoils(i))
      for (std::size_t column = 0; column < n; ++column) weights[column] = 100 * bound;
    const std::string name = "layer" + std::to_string(i), sum = i + 1 == layers ? "y" : name + "_sum";
    m.initializer<float>(name + "_weights", {width, width}, weights);
    m.node("MatMul", {last, name + "_weights"}, {sum}, {}, name);
    if (i + 1 == layers) break;
    last = name + "_out";
    m.node("Relu", {sum}, {last}, {}, name + "_relu");
  }
  return m;
}

/// An operator that no backend knows.
inline OnnxWriter unknown_operator() {
  OnnxWriter m;
  m.domain("example.invalid", 1).input("x", OnnxType::kFloat, {"n"}).output("y", OnnxType::kFloat, {"n"});
  return m.node("Frobnicate", {"x"}, {"y"}, {}, "frob", "example.invalid");
}

/// Strings in and out: to be refused.
inline OnnxWriter strings() { return identity(OnnxType::kString); }

}  // namespace models
}  // namespace speedster::testing
