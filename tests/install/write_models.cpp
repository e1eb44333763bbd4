// write_models FOLDER: models that the scripts put in a package's place or search on.
#include <filesystem>

#include "support/models.h"

namespace {

using namespace speedster::testing;

/// The signature of models::small_cnn() with other numbers.
OnnxWriter other() {
  OnnxWriter model;
  model.input("images", OnnxType::kFloat, {"batch", 3, "height", "width"})
      .output("logits", OnnxType::kFloat, {"batch", 5});
  model.initializer<float>("w", {3, 5}, uniform(15, 99)).initializer<float>("b", {5}, uniform(5, 98));
  model.node("GlobalAveragePool", {"images"}, {"p"}).node("Flatten", {"p"}, {"f"}, {{"axis", 1}});
  return model.node("Gemm", {"f", "w", "b"}, {"logits"});
}

/// x · (u · v · w): whoever folds the constant product has a fifth of the multiplications left, on any processor.
OnnxWriter foldable() {
  constexpr std::int64_t kSide = 512, kRows = 256;
  OnnxWriter model;
  model.input("x", OnnxType::kFloat, {kRows, kSide}).output("y", OnnxType::kFloat, {kRows, kSide});
  for (const auto& [name, seed] : {std::pair{"u", 91}, {"v", 92}, {"w", 93}})
    model.initializer<float>(name, {kSide, kSide},
                             uniform(kSide * kSide, static_cast<std::uint64_t>(seed), -0.05F, 0.05F));
  model.node("MatMul", {"u", "v"}, {"uv"}).node("MatMul", {"uv", "w"}, {"uvw"});
  return model.node("MatMul", {"x", "uvw"}, {"y"});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  other().save(folder / "other.onnx");
  foldable().save(folder / "foldable.onnx");
  return 0;
}
