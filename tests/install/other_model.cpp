// other_model FILE: a model with the signature of models::small_cnn() and other numbers.
#include "support/models.h"

int main(int argc, char** argv) {
  using namespace speedster::testing;
  if (argc != 2) return 2;
  OnnxWriter model;
  model.input("images", OnnxType::kFloat, {"batch", 3, "height", "width"})
      .output("logits", OnnxType::kFloat, {"batch", 5});
  model.initializer<float>("w", {3, 5}, uniform(15, 99)).initializer<float>("b", {5}, uniform(5, 98));
  model.node("GlobalAveragePool", {"images"}, {"p"}).node("Flatten", {"p"}, {"f"}, {{"axis", 1}});
  model.node("Gemm", {"f", "w", "b"}, {"logits"}).save(argv[1]);
  return 0;
}
