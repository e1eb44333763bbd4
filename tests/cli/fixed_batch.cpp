// fixed_batch FILE: a model of two rows a call, with outputs of three dtypes; the rows of a call depend on each other.
#include "support/onnx_writer.h"

int main(int argc, char** argv) {
  using namespace speedster::testing;
  if (argc != 2) return 2;
  OnnxWriter model;
  model.input("a", OnnxType::kFloat, {2, 4}).input("b", OnnxType::kFloat, {2, 4});
  model.output("centred", OnnxType::kFloat, {2, 4}).output("largest", OnnxType::kInt64, {2});
  model.output("above", OnnxType::kBool, {2, 4});
  model.node("ReduceMean", {"a"}, {"mean"}, {{"axes", Extents{0}}}).node("Sub", {"a", "mean"}, {"centred"});
  model.node("ArgMax", {"b"}, {"largest"}, {{"axis", 1}, {"keepdims", 0}}).node("Greater", {"a", "b"}, {"above"});
  model.save(argv[1]);
  return 0;
}
