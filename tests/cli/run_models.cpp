// run_models KIND FILE: models whose samples are stored in the ways that docs/samples.md lists.
#include <string_view>

#include "support/onnx_writer.h"

int main(int argc, char** argv) {
  using namespace speedster::testing;
  if (argc != 3) return 2;
  const std::string_view kind = argv[1];
  OnnxWriter model;
  if (kind == "scaled") {  // an input without a batch axis, two dynamic axes, an output of rank 0
    model.input("x", OnnxType::kFloat, {"batch", "width"}).input("factor", OnnxType::kFloat, {});
    model.output("y", OnnxType::kFloat, {"batch", "width"}).output("total", OnnxType::kFloat, {});
    model.node("Mul", {"x", "factor"}, {"y"}).node("ReduceSum", {"x"}, {"total"}, {{"keepdims", 0}});
  } else if (kind == "found") {  // outputs whose size depends on the values of a call
    model.input("x", OnnxType::kFloat, {2, 4}).output("places", OnnxType::kInt64, {2, "count"});
    model.node("NonZero", {"x"}, {"places"});
  } else if (kind == "bfloat16") {
    model.input("x", OnnxType::kFloat, {"batch", 4}).output("y", OnnxType::kBFloat16, {"batch", 4});
    model.node("Cast", {"x"}, {"y"}, {{"to", static_cast<int>(OnnxType::kBFloat16)}});
  } else {
    return 2;
  }
  model.save(argv[2]);
  return 0;
}
