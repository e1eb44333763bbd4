/// An ONNX model as a protobuf (lite runtime), with external data left in its file until it is wanted.
/// Hostile input: sizes are checked before allocation; external data may not leave the model's folder.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/signature.h"

// onnx-ml.proto, generated; this header and src/onnx, src/compressor alone see it.
namespace onnx { class ModelProto; class GraphProto; class NodeProto; class TensorProto; }

namespace speedster::onnx_model {

class OnnxModel {
 public:
  /// Reads the proto. Kinds: not found; bad input (not ONNX, truncated, cyclic, external data missing or outside).
  static Result<OnnxModel> read(const std::filesystem::path& path);
  OnnxModel();  ///< an empty model, opset 17, IR 8
  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;
  ~OnnxModel();
  OnnxModel clone() const;

  ::onnx::ModelProto& proto();
  const ::onnx::ModelProto& proto() const;
  const std::filesystem::path& path() const;

  /// Inputs that are not initializers, and outputs. Kind unsupported for sequences, maps, optionals and strings.
  Result<Signature> signature() const;
  std::int64_t opset() const;               ///< of the default domain
  /// "MatMul": 12, "com.microsoft.Gelu": 3, subgraphs included.
  std::map<std::string, std::size_t> operators() const;
  /// Bytes of all initializers.
  std::uint64_t weight_bytes() const;
  /// An initializer's values, from the proto or the external file.
  Result<Tensor> initializer(const ::onnx::TensorProto& tensor) const;
  /// Files with external data, absolute, that exist inside the model's folder.
  Result<std::vector<std::filesystem::path>> external_files() const;
  /// SHA-256 over the proto and all external data: the identity of the model wherever it lies.
  Result<std::string> digest() const;

  /// Writes the model; initializers of 1 KiB and more go to `NAME.data` beside it when everything exceeds `inline_limit`
  /// bytes. Tensors that were external are streamed, never held whole.
  Result<void> save(const std::filesystem::path& path, std::uint64_t inline_limit = std::uint64_t{1} << 30U) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Types and shapes of intermediate tensors as far as value_info and simple propagation know them.
/// Where nothing is known the name is absent.
std::map<std::string, TensorSpec> value_types(const OnnxModel& model);

}  // namespace speedster::onnx_model
