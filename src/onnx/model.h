/// An ONNX model as a protobuf (lite runtime), with external data left in its file until it is wanted.
/// Hostile input: sizes are checked before allocation; external data may not leave the model's folder.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/signature.h"

// onnx-ml.proto, generated; this header and src/onnx, src/rewrite, src/compressor alone see it.
namespace onnx {
class AttributeProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace speedster::onnx_model {

class OnnxModel {
 public:
  /// Reads the graph; weights of 1 KiB and more stay in the file, which must not change while this lives.
  /// Kinds: not found, permission; bad input (not ONNX, truncated, cyclic, external data missing or outside).
  static Result<OnnxModel> read(const std::filesystem::path& path);
  /// The same from bytes, which are copied. External data is looked for in `folder`; refused where that is empty.
  static Result<OnnxModel> read_from_memory(std::span<const std::byte> bytes, const std::filesystem::path& folder = {});
  OnnxModel();  ///< an empty model, opset 17, IR 8
  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;
  ~OnnxModel();
  /// Shares the temporary file of values that were made (set_values): not to be edited on another thread.
  OnnxModel clone() const;

  ::onnx::ModelProto& proto();
  const ::onnx::ModelProto& proto() const;
  const std::filesystem::path& path() const;

  /// Inputs that are not initializers, and outputs. Kind unsupported for sequences, maps, optionals and strings.
  Result<Signature> signature() const;
  std::int64_t opset() const;  ///< of the default domain
  /// "MatMul": 12, "com.microsoft.Gelu": 3, subgraphs included.
  std::map<std::string, std::size_t> operators() const;
  /// Bytes of all initializers and constants.
  std::uint64_t weight_bytes() const;
  /// An initializer's values, from the proto or the external file.
  Result<Tensor> initializer(const ::onnx::TensorProto& tensor) const;
  /// Gives a tensor of this model a type, a shape and values. Large ones go to a temporary file, so that what is made
  /// of a model does not add up in memory.
  void set_values(::onnx::TensorProto& tensor, const Tensor& values);
  /// Files with external data, absolute, that exist inside the model's folder.
  Result<std::vector<std::filesystem::path>> external_files() const;
  /// SHA-256 over the graph and all weights: the identity of the model wherever it lies and however its weights are
  /// stored (inline, typed, external, under whatever file name).
  Result<std::string> digest() const;

  /// SHA-256 over the raw form of one tensor, which is read as a stream.
  Result<std::string> digest(const ::onnx::TensorProto& tensor) const;

  /// Writes the model, atomically and streaming: weights that lie in files are copied piece by piece, never held whole.
  /// Where all weights exceed `inline_limit` bytes (2 GB at most, protobuf's own bound), tensors of 1 KiB and more go
  /// to `NAME.data` beside it. Saving over the file that was read is allowed. Kinds: no space, permission, …
  Result<void> save(const std::filesystem::path& path, std::uint64_t inline_limit = std::uint64_t{1} << 30U) const;

  struct State;  ///< for the files of this room
  const State& state() const;

 private:
  std::unique_ptr<State> state_;
};

/// Types and shapes of the main graph's values as far as inputs, outputs, value_info, constants and simple propagation
/// know them. Where not even the type is known the name is absent; where the shape is not, `unknown_rank` is true.
std::map<std::string, TensorSpec> value_types(const OnnxModel& model);

}  // namespace speedster::onnx_model
