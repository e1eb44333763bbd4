/// Where the values of a model's tensors lie: in the proto, in the model's own file, or in an external file.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "onnx/source.h"

namespace onnx {
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace speedster::onnx_model {

/// Values that are made while a model is edited stay in the proto below this.
inline constexpr std::size_t kScratchBytes = std::size_t{1} << 20U;

class Storage {
 public:
  Storage() = default;
  /// `own` is what the proto was read from; `folder` is where external files may lie (empty: nowhere).
  Storage(std::shared_ptr<const ByteSource> own, std::filesystem::path folder)
      : own_(std::move(own)), folder_(std::move(folder)) {}

  /// Bytes of the raw form, which the tensor's type and shape claim. Kind bad input where what is stored differs:
  /// checked before anything is allocated.
  Result<std::uint64_t> size(const ::onnx::TensorProto& tensor) const;
  /// The raw form (little-endian, row-major) in pieces.
  Result<void> stream(const ::onnx::TensorProto& tensor, const Sink& sink) const;
  /// The values as a tensor of ours; kind unsupported for types that we do not have.
  Result<Tensor> load(const ::onnx::TensorProto& tensor) const;
  /// Puts the values of a tensor of their type and shape into a temporary file of this storage and its copies.
  Result<void> store(const Tensor& values, ::onnx::TensorProto& tensor);
  /// The external file of a tensor; empty where its data is in the model.
  Result<std::filesystem::path> external_file(const ::onnx::TensorProto& tensor) const;

 private:
  struct Location {
    std::shared_ptr<const ByteSource> source;
    std::uint64_t offset = 0, length = 0;
    std::filesystem::path file;  ///< empty for the model's own
  };
  Result<Location> locate(const ::onnx::TensorProto& tensor, std::uint64_t expected) const;

  std::shared_ptr<const ByteSource> own_;
  std::filesystem::path folder_;
  std::shared_ptr<ByteSource> scratch_;  ///< made when it is first needed
  bool scratch_is_full_ = false;         ///< one refusal is enough
};

/// True where the values are not in the proto itself.
bool is_stored_outside(const ::onnx::TensorProto& tensor);
/// Removes all values and references, keeps name, type and shape.
void clear_values(::onnx::TensorProto& tensor);

/// Every tensor of the model: initializers, attributes, those of subgraphs and functions, dense parts of sparse ones.
/// The visitor returns false to stop.
void visit_tensors(const ::onnx::ModelProto& model, const std::function<bool(const ::onnx::TensorProto&)>& visit);
void visit_tensors(::onnx::ModelProto& model, const std::function<bool(::onnx::TensorProto&)>& visit);
void visit_tensors(::onnx::NodeProto& node, const std::function<bool(::onnx::TensorProto&)>& visit);

}  // namespace speedster::onnx_model
