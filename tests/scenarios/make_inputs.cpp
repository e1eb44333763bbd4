// Writes the model, the samples and, for `scores`, the labels of a scenario: make_inputs MODEL SAMPLES FOLDER
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "support/models.h"
#include "tensor/safetensors.h"

namespace {

using speedster::DType;
using speedster::NamedTensor;
using speedster::Shape;
using speedster::Tensor;

/// One row a sample.
NamedTensor rows(const std::string& name, Shape shape, std::uint64_t seed) {
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  const auto values = speedster::testing::uniform(count, seed);
  return {name, Tensor::from<float>(DType::kFloat32, std::move(shape), values)};
}

/// x float32 [batch, 3] → scores, twice as large: what is right is known without running it.
speedster::testing::OnnxWriter scores() {
  namespace testing = speedster::testing;
  testing::OnnxWriter m;
  m.input("x", testing::OnnxType::kFloat, {"batch", 3}).output("scores", testing::OnnxType::kFloat, {"batch", 3});
  m.initializer<float>("two", {}, {2.0F});
  return m.node("Mul", {"x", "two"}, {"scores"});
}

/// x float32 [batch, 4] → y float32 [batch, 2000000]: 8 MB a sample.
speedster::testing::OnnxWriter wide() {
  namespace testing = speedster::testing;
  testing::OnnxWriter m;
  m.input("x", testing::OnnxType::kFloat, {"batch", 4}).output("y", testing::OnnxType::kFloat, {"batch", 2000000});
  m.initializer<std::int64_t>("times", {2}, {1, 500000});
  return m.node("Tile", {"x", "times"}, {"y"});
}

/// The class of each row's largest element, a line each.
bool write_labels(const std::filesystem::path& file, const NamedTensor& rows) {
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr,
                 "usage: make_inputs mlp|small_cnn|attention|scores|wide|external|external_subfolder|unknown_operator "
                 "SAMPLES FOLDER\n");
    return 2;
  }
  const std::string kind = argv[1];
  const std::int64_t samples = std::atoll(argv[2]);
  const std::filesystem::path folder = argv[3];
  namespace models = speedster::testing::models;
  std::vector<NamedTensor> data;
  bool saved = false;
  const std::string file = (folder / "model.onnx").string();
  if (kind == "mlp") {
    models::mlp().save(file);
    data.push_back(rows("x", {samples, 16}, 101));
    saved = true;
  } else if (kind == "small_cnn") {
    models::small_cnn().save(file);
    data.push_back(rows("images", {samples, 3, 16, 16}, 102));
    saved = true;
  } else if (kind == "attention") {
    models::attention().save(file);
    data.push_back(rows("tokens", {samples, 6, 8}, 103));
    saved = true;
  } else if (kind == "scores") {
    scores().save(file);
    data.push_back(rows("x", {samples, 3}, 105));
    saved = write_labels(folder / "labels.txt", data.back());
  } else if (kind == "wide") {
    wide().save(file);
    data.push_back(rows("x", {samples, 4}, 106));
    saved = true;
  } else if (kind == "external_subfolder") {
    models::mlp(1, "weights/w.bin").save(file);
    data.push_back(rows("x", {samples, 16}, 101));
    saved = true;
  } else if (kind == "external" || kind == "unknown_operator") {
    (kind == "external" ? models::external_data() : models::unknown_operator()).save(file);
    data.push_back(rows("x", {samples, kind == "external" ? 16 : 2}, 104));
    saved = true;
  }
  if (!saved) {
    std::fprintf(stderr,
                 "[make_inputs] expected mlp, small_cnn, attention, scores, wide, external, external_subfolder or "
                 "unknown_operator, got %s\n",
                 kind.c_str());
    return 2;
  }
  const auto written = speedster::write_safetensors(folder / "samples.safetensors", data);
  if (!written.ok()) std::fprintf(stderr, "%s\n", written.error().full_message().c_str());
  return written.ok() ? 0 : 1;
}
