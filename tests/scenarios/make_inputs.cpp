// Writes the model, the samples and, for `scores`, the labels of a scenario: make_inputs MODEL SAMPLES FOLDER [DATA]
// DATA tells by its name how the samples are stored: samples.safetensors, samples.npz, samples.npy or a folder.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>

#include "samples/npy.h"
#include "samples/store.h"
#include "support/models.h"
#include "tensor/safetensors.h"

namespace {

namespace fs = std::filesystem;
namespace testing = speedster::testing;
namespace models = speedster::testing::models;
using speedster::DType;
using speedster::NamedTensor;
using speedster::Result;
using speedster::Shape;
using speedster::Tensor;
using testing::Extents;
using testing::OnnxType;
using testing::OnnxWriter;

/// One row a sample.
NamedTensor rows(const std::string& name, Shape shape, std::uint64_t seed) {
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  const auto values = testing::uniform(count, seed);
  return {name, Tensor::from<float>(DType::kFloat32, std::move(shape), values)};
}

/// tokens.0, tokens.1, …: a third each of 4, 8 and 64 tokens.
std::vector<NamedTensor> ragged(std::int64_t samples) {
  constexpr std::int64_t kTokens[] = {4, 8, 64};
  std::vector<NamedTensor> data;
  data.reserve(static_cast<std::size_t>(samples));
  for (std::int64_t i = 0; i < samples; ++i)
    data.push_back(rows("tokens." + std::to_string(i), {1, kTokens[i % 3], 8}, 200 + static_cast<std::uint64_t>(i)));
  return data;
}

/// x float32 [batch, 3] → scores, twice as large: what is right is known without running it.
OnnxWriter scores() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 3}).output("scores", OnnxType::kFloat, {"batch", 3});
  m.initializer<float>("two", {}, {2.0F});
  return m.node("Mul", {"x", "two"}, {"scores"});
}

/// x float32 [batch, 4] → y float32 [batch, 2000000]: 8 MB a sample.
OnnxWriter wide() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 4}).output("y", OnnxType::kFloat, {"batch", 2000000});
  m.initializer<std::int64_t>("times", {2}, {1, 500000});
  return m.node("Tile", {"x", "times"}, {"y"});
}

/// mlp() with a second output, `shifted` = y + 10: the same error is far larger in units of its variance.
OnnxWriter two_outputs() {
  OnnxWriter m = models::mlp();
  m.output("shifted", OnnxType::kFloat, {"batch", 4}).initializer<float>("ten", {}, {10.0F});
  return m.node("Add", {"y", "ten"}, {"shifted"});
}

/// ids int64 [batch, 4] → y float32 [batch, 4, 8], rows of a table that has ten.
OnnxWriter lookup() {
  OnnxWriter m;
  m.input("ids", OnnxType::kInt64, {"batch", 4}).output("y", OnnxType::kFloat, {"batch", 4, 8});
  m.initializer<float>("table", {10, 8}, testing::uniform(80, 107));
  return m.node("Gather", {"table", "ids"}, {"y"});
}

/// images float32 [batch, 3, 32, 32] → logits [batch, 10]: convolutions, then one head of attention over their 64
/// places.
OnnxWriter vision() {
  OnnxWriter m;
  m.input("images", OnnxType::kFloat, {"batch", 3, 32, 32}).output("logits", OnnxType::kFloat, {"batch", 10});
  const auto weight = [&](const std::string& name, const Extents& dims, std::uint64_t seed, float most) {
    std::size_t count = 1;
    for (const auto d : dims) count *= static_cast<std::size_t>(d);
    m.initializer<float>(name, dims, testing::uniform(count, seed, -most, most));
  };
  weight("k1", {16, 3, 3, 3}, 301, 0.3F), weight("c1", {16}, 302, 0.5F);
  weight("k2", {32, 16, 3, 3}, 303, 0.15F), weight("c2", {32}, 304, 0.5F);
  const testing::Attributes halved = {{"pads", Extents{1, 1, 1, 1}}, {"strides", Extents{2, 2}}};
  m.node("Conv", {"images", "k1", "c1"}, {"a1"}, halved, "stem").node("Relu", {"a1"}, {"r1"});
  m.node("Conv", {"r1", "k2", "c2"}, {"a2"}, halved, "widen").node("Relu", {"a2"}, {"r2"});
  m.initializer<std::int64_t>("places", {3}, {0, 32, 64});
  m.node("Reshape", {"r2", "places"}, {"flat"}).node("Transpose", {"flat"}, {"tokens"}, {{"perm", Extents{0, 2, 1}}});
  m.initializer<float>("gamma", {32}, testing::uniform(32, 305, 0.5F, 1.5F));
  m.initializer<float>("beta", {32}, testing::uniform(32, 306));
  m.node("LayerNormalization", {"tokens", "gamma", "beta"}, {"n"}, {{"axis", -1}, {"epsilon", 1e-5F}});
  for (const auto& [name, seed] : {std::pair{"query", 307}, {"key", 308}, {"value", 309}}) {
    weight("w_" + std::string(name), {32, 32}, static_cast<std::uint64_t>(seed), 0.3F);
    m.node("MatMul", {"n", "w_" + std::string(name)}, {name}, {}, name);
  }
  m.initializer<float>("root", {}, {0.17677669F});
  m.node("Transpose", {"key"}, {"turned"}, {{"perm", Extents{0, 2, 1}}}).node("MatMul", {"query", "turned"}, {"raw"});
  m.node("Mul", {"raw", "root"}, {"scaled"}).node("Softmax", {"scaled"}, {"weights"}, {{"axis", -1}});
  m.node("MatMul", {"weights", "value"}, {"context"}).node("Add", {"context", "tokens"}, {"mixed"});
  m.node("ReduceMean", {"mixed"}, {"pooled"}, {{"axes", Extents{1}}, {"keepdims", 0}});
  weight("w", {32, 10}, 310, 0.5F), weight("b", {10}, 311, 0.5F);
  return m.node("Gemm", {"pooled", "w", "b"}, {"logits"}, {}, "head");
}

/// mlp() where one hidden value is thousands of times as large as the others and hardly counts: int8 keeps it and loses
/// the rest.
OnnxWriter spoilt() {
  using speedster::testing::uniform;
  std::vector<float> in = uniform(512, 1, -0.5F, 0.5F), out = uniform(128, 3, -0.5F, 0.5F);
  for (std::size_t row = 0; row < 16; ++row) in[row * 32] = 4000;
  for (std::size_t column = 0; column < 4; ++column) out[column] *= 1e-6F;
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 16}).output("y", OnnxType::kFloat, {"batch", 4});
  m.initializer<float>("w1", {16, 32}, in).initializer<float>("b1", {32}, uniform(32, 2));
  m.initializer<float>("w2", {32, 4}, out).initializer<float>("b2", {4}, uniform(4, 4));
  m.node("Gemm", {"x", "w1", "b1"}, {"h"}, {}, "fc1").node("Relu", {"h"}, {"r"}, {}, "relu");
  return m.node("Gemm", {"r", "w2", "b2"}, {"y"}, {}, "fc2");
}

/// mlp() with GELU as exporters spell it; what it is fused into has an operator set of its own.
OnnxWriter gelu() {
  using speedster::testing::uniform;
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 16}).output("y", OnnxType::kFloat, {"batch", 4});
  m.initializer<float>("w1", {16, 32}, uniform(512, 1)).initializer<float>("w2", {32, 4}, uniform(128, 2));
  m.initializer<float>("root", {}, {std::sqrt(2.0F)}).initializer<float>("one", {}, {1.0F});
  m.initializer<float>("half", {}, {0.5F});
  m.anonymous()
      .node("MatMul", {"x", "w1"}, {"h"}, {}, "fc1")
      .node("Div", {"h", "root"}, {"d"})
      .node("Erf", {"d"}, {"e"});
  m.node("Add", {"e", "one"}, {"s"}).node("Mul", {"h", "s"}, {"p"}).node("Mul", {"p", "half"}, {"g"});
  return m.node("MatMul", {"g", "w2"}, {"y"}, {}, "fc2");
}

/// mlp() with 64 MB beside it that no node reads: saving it takes a while.
OnnxWriter heavy() {
  OnnxWriter m = models::mlp();
  return m.external<float>("ballast", {1 << 24}, std::vector<float>(1U << 24U, 1.0F), "ballast.bin");
}

/// x float32 [batch, 4] → y, the same, by way of 64 MB of zeros: nearly all of a call is fresh memory.
OnnxWriter fresh_memory() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 4}).output("y", OnnxType::kFloat, {"batch", 4});
  m.initializer<std::int64_t>("pads", {4}, {0, 0, 0, 16 << 20}).node("Pad", {"x", "pads"}, {"padded"});
  m.initializer<std::int64_t>("from", {1}, {0}).initializer<std::int64_t>("to", {1}, {4});
  m.initializer<std::int64_t>("axes", {1}, {1});
  return m.node("Slice", {"padded", "from", "to", "axes"}, {"y"});
}

/// Adds what it draws, another each time.
OnnxWriter draws() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 4}).output("y", OnnxType::kFloat, {"batch", 4});
  return m.node("RandomNormalLike", {"x"}, {"drawn"}).node("Add", {"x", "drawn"}, {"y"});
}

/// A file without a fault whose graph means nothing: 16 columns times 8 rows.
OnnxWriter mismatched() {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", 16}).output("y", OnnxType::kFloat, {"batch", 4});
  m.initializer<float>("w", {8, 4}, testing::uniform(32, 109));
  return m.node("MatMul", {"x", "w"}, {"y"});
}

/// mlp() with its second half missing.
void truncated(const fs::path& file) {
  const std::string whole = models::mlp().bytes();
  OnnxWriter::write(file, std::string_view(whole).substr(0, whole.size() / 2));
}

/// The class of each row's largest element, a line each.
bool write_labels(const fs::path& file, const NamedTensor& rows) {
  const auto classes = static_cast<std::size_t>(rows.tensor.shape()[1]);
  const std::span values(static_cast<const float*>(rows.tensor.data()),
                         static_cast<std::size_t>(rows.tensor.shape()[0]) * classes);
  std::ofstream out(file);
  for (std::size_t i = 0; i < values.size(); i += classes) {
    const auto row = values.subspan(i, classes);
    out << std::ranges::max_element(row) - row.begin() << '\n';
  }
  return out.flush().good();
}

Result<void> write_npy(const fs::path& file, const Tensor& tensor) {
  SPEEDSTER_ASSIGN(const std::string header, speedster::samples::make_npy_header(tensor.dtype(), tensor.shape()));
  const std::string_view bytes(static_cast<const char*>(tensor.data()), tensor.bytes());
  OnnxWriter::write(file, header + std::string(bytes));
  return {};
}

/// In the form that the file's name asks for; a folder has a file for each array, of all three forms in turn.
Result<void> write_data(const fs::path& file, std::vector<NamedTensor> data) {
  if (file.extension() == ".safetensors") return speedster::write_safetensors(file, data);
  if (file.extension() == ".npz") return speedster::samples::write_npz(file, data);
  if (file.extension() == ".npy") return write_npy(file, data.front().tensor);
  fs::create_directories(file);
  constexpr const char* kForms[] = {".npz", ".npy", ".safetensors"};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::string& name = data[i].name;
    const std::string number = std::to_string(1000 + i);  // files are taken in the order of their names
    std::vector<NamedTensor> one;
    one.push_back({name.substr(0, name.rfind('.')), std::move(data[i].tensor)});
    SPEEDSTER_TRY(write_data(file / (number + kForms[i % std::size(kForms)]), std::move(one)));
  }
  return {};
}

struct Kind {
  OnnxWriter (*model)();
  std::vector<NamedTensor> (*data)(std::int64_t samples);
};

template <typename... Tensors>
std::vector<NamedTensor> list(Tensors&&... tensors) {
  std::vector<NamedTensor> made;
  (made.push_back(std::forward<Tensors>(tensors)), ...);
  return made;
}

/// Three convolutions; the second has weights a hundred times as large as the others for a channel that is always 0.
OnnxWriter spoiled_convolutions() {
  OnnxWriter m;
  m.input("images", OnnxType::kFloat, {"batch", 3, 32, 32}).output("y", OnnxType::kFloat, {"batch", 16});
  std::vector<float> first = testing::uniform(16 * 27, 41, -0.4F, 0.4F),
                     second = testing::uniform(16 * 144, 42, -0.2F, 0.2F);
  std::fill_n(first.begin(), 27, 0.0F);
  for (std::size_t channel = 0; channel < 16; ++channel)
    std::fill_n(second.begin() + static_cast<std::ptrdiff_t>(channel * 144), 9, 20.0F);
  m.initializer<float>("k0", {16, 3, 3, 3}, first).initializer<float>("k1", {16, 16, 3, 3}, second);
  m.initializer<float>("k2", {16, 16, 3, 3}, testing::uniform(16 * 144, 43, -0.2F, 0.2F));
  std::string last = "images";
  for (int i = 0; i < 3; ++i) {
    const std::string name = "conv" + std::to_string(i), sum = name + "_sum";
    m.node("Conv", {last, "k" + std::to_string(i)}, {sum}, {{"pads", Extents{1, 1, 1, 1}}}, name);
    m.node("Relu", {sum}, {name + "_out"}, {}, name + "_relu");
    last = name + "_out";
  }
  return m.node("GlobalAveragePool", {last}, {"pooled"}).node("Flatten", {"pooled"}, {"y"});
}

/// x float32 [batch, 512] → y: 16 products with Relu between them. A few channels of what stands between are a hundred
/// times as large as the others, and the weights that read them so much smaller: one scale for all suits none.
OnnxWriter uneven_chain() {
  constexpr int kLayers = 16, kWidth = 512;
  constexpr float kLarge = 100;
  const float bound = std::sqrt(6.0F / kWidth);  // keeps the variance through Relu
  const auto is_large = [](int channel) { return channel % 64 == 0; };
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"batch", kWidth}).output("y", OnnxType::kFloat, {"batch", kWidth});
  std::string last = "x";
  for (int i = 0; i < kLayers; ++i) {
    std::vector<float> weights = testing::uniform(kWidth * kWidth, 300 + static_cast<std::uint64_t>(i), -bound, bound);
    for (int row = 0; row < kWidth; ++row)
      for (int column = 0; column < kWidth; ++column) {
        float& weight = weights[static_cast<std::size_t>(row * kWidth + column)];
        if (i > 0 && is_large(row)) weight /= kLarge;
        if (i + 1 < kLayers && is_large(column)) weight *= kLarge;
      }
    const std::string name = "layer" + std::to_string(i), sum = i + 1 == kLayers ? "y" : name + "_sum";
    m.initializer<float>(name + "_weights", {kWidth, kWidth}, weights);
    m.node("MatMul", {last, name + "_weights"}, {sum}, {}, name);
    if (i + 1 < kLayers) m.node("Relu", {sum}, {name + "_out"}, {}, name + "_relu");
    last = name + "_out";
  }
  return m;
}

const std::map<std::string, Kind>& kinds() {
  const auto x16 = [](std::int64_t n) { return list(rows("x", {n, 16}, 101)); };
  static const std::map<std::string, Kind> kKinds = {
      {"mlp", {[] { return models::mlp(); }, x16}},
      {"retrained", {[] { return models::mlp(5); }, x16}},
      {"spoilt", {spoilt, x16}},
      {"spoiled_chain",
       {[] { return models::spoiled_chain(24, 512, {7, 16}, 3); },
        [](std::int64_t n) { return list(rows("x", {n, 64, 512}, 112)); }}},
      {"spoiled_convolutions",
       {spoiled_convolutions, [](std::int64_t n) { return list(rows("images", {n, 3, 32, 32}, 113)); }}},
      {"uneven_chain", {uneven_chain, [](std::int64_t n) { return list(rows("x", {n, 64, 512}, 114)); }}},
      {"small_cnn", {models::small_cnn, [](std::int64_t n) { return list(rows("images", {n, 3, 16, 16}, 102)); }}},
      {"attention", {models::attention, [](std::int64_t n) { return list(rows("tokens", {n, 6, 8}, 103)); }}},
      {"gelu", {gelu, x16}},
      {"scores", {scores, [](std::int64_t n) { return list(rows("x", {n, 3}, 105)); }}},
      {"wide", {wide, [](std::int64_t n) { return list(rows("x", {n, 4}, 106)); }}},
      {"external", {[] { return models::external_data(); }, x16}},
      {"external_subfolder", {[] { return models::mlp(1, "weights/w.bin"); }, x16}},
      {"unknown_operator", {models::unknown_operator, [](std::int64_t n) { return list(rows("x", {n, 2}, 104)); }}},
      {"ragged", {models::attention, ragged}},
      {"two_outputs", {two_outputs, x16}},
      {"lookup", {lookup, [](std::int64_t) { return list(); }}},
      {"vision", {vision, [](std::int64_t n) { return list(rows("images", {n, 3, 32, 32}, 108)); }}},
      {"heavy", {heavy, x16}},
      {"draws", {draws, [](std::int64_t n) { return list(rows("x", {n, 4}, 111)); }}},
      {"fresh_memory", {fresh_memory, [](std::int64_t n) { return list(rows("x", {n, 4}, 110)); }}},
      {"mismatched", {mismatched, x16}},
      {"truncated", {[] { return models::mlp(); }, x16}},
  };
  return kKinds;
}

}  // namespace

int main(int argc, char** argv) {
  const auto kind = argc < 2 ? kinds().end() : kinds().find(argv[1]);
  if ((argc != 4 && argc != 5) || kind == kinds().end()) {
    std::string names;
    for (const auto& [name, made] : kinds()) names += (names.empty() ? "" : "|") + name;
    std::fprintf(stderr, "usage: make_inputs %s SAMPLES FOLDER [DATA]\n", names.c_str());
    return 2;
  }
  std::vector<NamedTensor> data = kind->second.data(std::atoll(argv[2]));
  const fs::path folder = argv[3];
  kind->second.model().save(folder / "model.onnx");
  if (kind->first == "truncated") truncated(folder / "model.onnx");
  if (kind->first == "scores" && !write_labels(folder / "labels.txt", data.front())) return 1;
  if (data.empty()) return 0;
  const auto written = write_data(folder / (argc == 5 ? argv[4] : "samples.safetensors"), std::move(data));
  if (!written.ok()) std::fprintf(stderr, "%s\n", written.error().full_message().c_str());
  return written.ok() ? 0 : 1;
}
