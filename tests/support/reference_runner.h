/// Runs an ONNX file on the reference backend: the oracle for whatever changes a graph.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "backend/plugin.h"
#include "onnx/model.h"
#include "speedster/tensor.h"
#include "support/onnx_writer.h"

namespace speedster::testing {

/// A value, or an exception with its message: in tests a failure here ends the test.
template <typename T>
T value_or_throw(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().full_message());
  return std::move(result).value();
}
inline void ok_or_throw(const Result<void>& result) {
  if (!result.ok()) throw std::runtime_error(result.error().full_message());
}

/// A model loaded on the reference backend.
class ReferenceRunner {
 public:
  explicit ReferenceRunner(const std::filesystem::path& file)
      : model_(value_or_throw(instance().load(file, {}))), context_(value_or_throw(model_.open_context())) {}

  /// Inputs and outputs in the order of the signature.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) {
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      const TensorView view = inputs[i].view();
      const DLTensor tensor{view.data,
                            {kDLCPU, 0},
                            static_cast<std::int32_t>(view.shape.size()),
                            info(view.dtype).dl,
                            const_cast<std::int64_t*>(view.shape.data()),
                            nullptr,
                            0};
      ok_or_throw(context_.bind_input(i, &tensor));
    }
    ok_or_throw(context_.execute());
    std::vector<Tensor> outputs;
    const Signature signature = value_or_throw(model_.signature());
    for (std::uint32_t i = 0; i < signature.outputs.size(); ++i) {
      DLTensor view{};
      ok_or_throw(context_.output(i, &view));
      const Shape shape(view.shape, view.shape + view.ndim);
      const DType dtype = dtype_from_dl(view.dtype).value();
      Tensor copy(dtype, shape);
      if (copy.bytes() > 0)
        std::memcpy(copy.data(), static_cast<std::byte*>(view.data) + view.byte_offset, copy.bytes());
      outputs.push_back(std::move(copy));
    }
    return outputs;
  }

 private:
  static const backend::Instance& instance() {
    static const backend::Instance shared = [] {
      const std::filesystem::path library =
          std::filesystem::path(SPEEDSTER_BUILD_DIR) / "lib/speedster/backends/libspeedster_backend_reference.so";
      auto plugin = std::make_shared<const backend::Plugin>(value_or_throw(backend::Plugin::open(library)));
      return value_or_throw(backend::Instance::open(plugin, {}, {}));
    }();
    return shared;
  }

  backend::Model model_;
  backend::Context context_;
};

/// What a test wrote, as a model in memory.
inline onnx_model::OnnxModel parsed(const OnnxWriter& writer) {
  const std::string bytes = writer.bytes();
  return value_or_throw(onnx_model::OnnxModel::read_from_memory(std::as_bytes(std::span(bytes))));
}

}  // namespace speedster::testing
