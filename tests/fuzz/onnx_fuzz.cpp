/// An ONNX model from memory: whatever is accepted can be looked at, and saved again as the same model.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

#include "base/files.h"
#include "onnx/graph.h"
#include "onnx/model.h"
#include "onnx/version.h"

namespace {

const std::filesystem::path& folder() {
  static const speedster::TempDir directory = std::move(speedster::TempDir::create("onnx-fuzz")).value();
  return directory.path();
}

void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using speedster::onnx_model::Graph;
  using speedster::onnx_model::OnnxModel;
  auto model = OnnxModel::read_from_memory({reinterpret_cast<const std::byte*>(data), size}, folder());
  if (!model) {
    expect(!model.error().message().empty());
    return 0;
  }
  (void)model->signature();
  (void)model->operators();
  (void)speedster::onnx_model::value_types(*model);
  const auto digest = model->digest();
  if (digest) {
    const auto path = folder() / "model.onnx";
    expect(model->save(path).ok());
    const auto again = OnnxModel::read(path);
    expect(again.ok() && again->digest().ok() && *again->digest() == *digest);
  }
  if (speedster::onnx_model::raise_opset(*model, 14)) expect(Graph(*model).finish().ok());
  return 0;
}
