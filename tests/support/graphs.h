/// For tests of what changes a graph: run it before and after on the reference backend, count its operators.
#pragma once
#include <onnx-ml.pb.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "onnx/graph.h"
#include "support/models.h"
#include "support/reference_runner.h"
#include "tensor/difference.h"

namespace speedster::testing {

inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, float low = -1, float high = 1) {
  const std::vector<float> values = uniform(static_cast<std::size_t>(*element_count(shape)), seed, low, high);
  return Tensor::from<float>(DType::kFloat32, shape, std::span<const float>(values));
}

/// The first output for one float input.
inline Tensor run(const onnx_model::OnnxModel& model, const Tensor& input) {
  const TempDir folder = value_or_throw(TempDir::create("compressor"));
  const std::filesystem::path path = folder.path() / "model.onnx";
  ok_or_throw(model.save(path));
  std::vector<Tensor> inputs;
  inputs.push_back(input.clone());
  return std::move(ReferenceRunner(path).run(inputs).at(0));
}

inline Difference compare(const onnx_model::OnnxModel& original, const onnx_model::OnnxModel& changed,
                          const Tensor& input) {
  const Tensor a = run(original, input), b = run(changed, input);
  return difference(a.view(), b.view());
}

inline std::size_t count(const onnx_model::OnnxModel& model, const std::string& op) {
  const auto operators = model.operators();
  const auto found = operators.find(op);
  return found == operators.end() ? 0 : found->second;
}

inline const ::onnx::NodeProto* node_named(const onnx_model::OnnxModel& model, const std::string& name) {
  for (const auto& node : model.proto().graph().node())
    if (node.name() == name) return &node;
  return nullptr;
}

}  // namespace speedster::testing
