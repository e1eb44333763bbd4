/// All passes of the rewriting on an ONNX model from memory: whatever is accepted stays a model with the same outputs
/// that can be saved and read.
#include <onnx-ml.pb.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>

#include "base/files.h"
#include "onnx/dtypes.h"
#include "rewrite/rewrite.h"

namespace {

using speedster::Result;
using speedster::Tensor;
using speedster::onnx_model::OnnxModel;

const std::filesystem::path& folder() {
  static const speedster::TempDir directory = std::move(speedster::TempDir::create("rewrite-fuzz")).value();
  return directory.path();
}

void expect(bool holds) {
  if (!holds) std::abort();
}

/// Zeros of the declared types and shapes in place of what a runtime would compute.
Result<std::vector<Tensor>> zeros(const OnnxModel& model) {
  std::vector<Tensor> results;
  for (const auto& output : model.proto().graph().output()) {
    const auto& type = output.type().tensor_type();
    speedster::Shape shape;
    for (const auto& dim : type.shape().dim()) shape.push_back(dim.dim_value());
    const auto dtype = speedster::onnx_model::dtype_from_onnx(type.elem_type());
    if (!dtype || speedster::element_count(shape).value_or(1 << 20) >= 1 << 20)
      return speedster::Error(speedster::ErrorKind::kVendor, "[fuzz] expected small constants");
    results.emplace_back(*dtype, shape);
  }
  return results;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto model = OnnxModel::read_from_memory({reinterpret_cast<const std::byte*>(data), size}, folder());
  if (!model) return 0;
  const auto before = model->signature();
  const auto done = speedster::rewrite::rewrite(*model, {{}, {}, zeros});
  expect(done.ok());
  const auto after = model->signature();
  expect(before.ok() == after.ok() && (!before.ok() || before->outputs == after->outputs));
  const auto path = folder() / "model.onnx";
  if (done->changes() == 0 || !model->save(path)) return 0;
  expect(OnnxModel::read(path).ok());
  return 0;
}
