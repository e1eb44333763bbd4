#include "onnx/model.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/files.h"
#include "onnx/check.h"
#include "onnx/dtypes.h"
#include "onnx/graph.h"
#include "onnx/skeleton.h"
#include "onnx/state.h"

namespace speedster::onnx_model {
namespace {

/// What a file is that is no ONNX model, by its first bytes; empty where they say nothing.
std::string known_format(const ByteSource& source) {
  std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 256)), '\0');
  if (!source.read(0, std::as_writable_bytes(std::span(head)))) return {};
  const std::string_view text = head;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (text.empty()) return "an empty file";
  if (text.starts_with("PK\x03\x04"))
    return "a zip archive; try to unpack it, or to export the model to ONNX if it is a .pt, .pt2 or .keras file";
  if (text.starts_with("\x1f\x8b")) return "a gzip archive; try to unpack it";
  if (text.starts_with("\x89HDF")) return "an HDF5 file; try to export the Keras model to ONNX";
  if (text.starts_with("version https://git-lfs")) return "a Git LFS pointer; try `git lfs pull`";
  if (text.size() > 8 && text.substr(4, 4) == "TFL3") return "a TFLite model; try to export the model to ONNX";
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x04")) return "a pickle; try to export the model to ONNX";
  if (first != std::string_view::npos && text[first] == '<')
    return "an HTML or XML text; try to download the model again";
  if (first != std::string_view::npos && text[first] == '{') return "a JSON text; try the .onnx file";
  return {};
}

Result<void> parse(const std::shared_ptr<const ByteSource>& source, ::onnx::ModelProto& proto) {
  const Result<Skeleton> read = read_skeleton(*source);
  const bool parsed = read.ok() && proto.ParseFromString(read->bytes);
  // Only of what is no model: in one the first bytes may be anything ("TFL3" may be who made it).
  if (!parsed || !proto.has_graph())
    if (const std::string format = known_format(*source); !format.empty())
      return Error(ErrorKind::kBadInput, "[onnx] expected an ONNX model, got " + format);
  if (!read.ok()) return read.error();
  if (!parsed)
    return Error(ErrorKind::kBadInput, "[onnx] expected an ONNX model, got a damaged file or another format");
  const Skeleton& skeleton = *read;
  // A file that brings our own marks along would point us at bytes of its choice.
  std::size_t marked = 0, made = 0;
  visit_tensors(std::as_const(proto), [&](const ::onnx::TensorProto& tensor) {
    for (const auto& entry : tensor.external_data()) {
      marked += entry.key() == kOwnFileKey;
      made += entry.key() == kScratchKey;
    }
    return true;
  });
  if (marked != skeleton.spilled || made > 0)
    return Error(ErrorKind::kBadInput, "[onnx] expected external data by file name, got the key \"" +
                                           std::string(made > 0 ? kScratchKey : kOwnFileKey) + "\"");
  return {};
}

void count_operators(const ::onnx::GraphProto& graph, std::map<std::string, std::size_t>& counts) {
  for (const auto& node : graph.node()) {
    ++counts[operator_name(node)];
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) count_operators(attribute.g(), counts);
      for (const auto& inner : attribute.graphs()) count_operators(inner, counts);
    }
  }
}

}  // namespace

OnnxModel::OnnxModel() : state_(std::make_unique<State>()) {
  state_->proto.set_ir_version(8);
  state_->proto.set_producer_name("speedster");
  state_->proto.mutable_graph()->set_name("main");
  auto* opset = state_->proto.add_opset_import();
  opset->set_domain("");
  opset->set_version(17);
}
OnnxModel::OnnxModel(OnnxModel&&) noexcept = default;
OnnxModel& OnnxModel::operator=(OnnxModel&&) noexcept = default;
OnnxModel::~OnnxModel() = default;

Result<OnnxModel> OnnxModel::read(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return Error(ErrorKind::kBadInput,
                 "[onnx] expected an ONNX file, got the folder " + path.string() + "; try the .onnx file in it");
  // "[onnx] expected …, got … in PATH; try …"
  const auto located = [&](const Error& error) {
    std::string message = error.full_message();
    if (message.find("; try ") == std::string::npos) message += "; try to export or download the model again";
    if (message.find(path.string()) == std::string::npos)
      message.insert(message.find("; try "), " in " + path.string());
    return Error(error.kind(), std::move(message)).with_vendor_code(error.vendor_code());
  };
  auto source = ByteSource::open(path);
  if (!source) return std::move(source).error();
  OnnxModel model;
  model.state_->proto.Clear();
  model.state_->path = path;
  model.state_->storage = Storage(*source, path.has_parent_path() ? path.parent_path() : ".");
  if (auto parsed = parse(*source, model.proto()); !parsed) return located(std::move(parsed).error());
  if (auto checked = check_model(model.proto(), model.state_->storage); !checked)
    return located(std::move(checked).error());
  return model;
}

Result<OnnxModel> OnnxModel::read_from_memory(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  const auto source = ByteSource::memory(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  OnnxModel model;
  model.state_->proto.Clear();
  model.state_->storage = Storage(source, folder);
  SPEEDSTER_TRY(parse(source, model.proto()));
  SPEEDSTER_TRY(check_model(model.proto(), model.state_->storage));
  return model;
}

OnnxModel OnnxModel::clone() const {
  OnnxModel copy;
  *copy.state_ = *state_;
  return copy;
}

::onnx::ModelProto& OnnxModel::proto() { return state_->proto; }
const ::onnx::ModelProto& OnnxModel::proto() const { return state_->proto; }
const std::filesystem::path& OnnxModel::path() const { return state_->path; }
const OnnxModel::State& OnnxModel::state() const { return *state_; }

void OnnxModel::set_values(::onnx::TensorProto& tensor, const Tensor& values) {
  clear_values(tensor);
  tensor.set_data_type(dtype_to_onnx(values.dtype()));
  tensor.clear_dims();
  for (const std::int64_t dim : values.shape()) tensor.add_dims(dim);
  // Where there is no room for a file there may still be memory.
  if (values.bytes() < kScratchBytes || !state_->storage.store(values, tensor))
    tensor.set_raw_data(values.data(), values.bytes());
}

std::int64_t OnnxModel::opset() const {
  for (const auto& opset : proto().opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx") return opset.version();
  return 1;
}

std::map<std::string, std::size_t> OnnxModel::operators() const {
  std::map<std::string, std::size_t> counts;
  count_operators(proto().graph(), counts);
  return counts;
}

std::uint64_t OnnxModel::weight_bytes() const {
  std::uint64_t total = 0;
  visit_tensors(proto(), [&](const ::onnx::TensorProto& tensor) {
    if (auto size = state_->storage.size(tensor)) total += *size;
    return true;
  });
  return total;
}

Result<Tensor> OnnxModel::initializer(const ::onnx::TensorProto& tensor) const { return state_->storage.load(tensor); }

Result<std::vector<std::filesystem::path>> OnnxModel::external_files() const {
  std::set<std::filesystem::path> files;
  std::optional<Error> failure;
  visit_tensors(proto(), [&](const ::onnx::TensorProto& tensor) {
    auto file = state_->storage.external_file(tensor);
    if (!file)
      failure = std::move(file).error();
    else if (!file->empty())
      files.insert(std::filesystem::absolute(*file).lexically_normal());
    return !failure;
  });
  if (failure) return *std::move(failure);
  return std::vector<std::filesystem::path>(files.begin(), files.end());
}

Result<std::string> OnnxModel::digest(const ::onnx::TensorProto& tensor) const {
  Sha256 sha;
  SPEEDSTER_TRY(state_->storage.stream(tensor, [&](std::span<const std::byte> piece) -> Result<void> {
    sha.update(piece);
    return {};
  }));
  return sha.hex();
}

Result<std::string> OnnxModel::digest() const {
  // The graph without values, then the values in raw form: how they are stored does not count.
  ::onnx::ModelProto graph = proto();
  visit_tensors(graph, [](::onnx::TensorProto& tensor) {
    if (tensor.data_type() != ::onnx::TensorProto::STRING) clear_values(tensor);
    return true;
  });
  Sha256 sha;
  sha.field("onnx-model-1").field(graph.SerializeAsString());
  std::optional<Error> failure;
  visit_tensors(proto(), [&](const ::onnx::TensorProto& tensor) {
    auto size = state_->storage.size(tensor);
    if (!size) {
      failure = std::move(size).error();
      return false;
    }
    sha.field(std::to_string(*size));
    if (tensor.data_type() == ::onnx::TensorProto::STRING) return true;
    auto streamed = state_->storage.stream(tensor, [&](std::span<const std::byte> piece) -> Result<void> {
      sha.update(piece);
      return {};
    });
    if (!streamed) failure = std::move(streamed).error();
    return !failure;
  });
  if (failure) return *std::move(failure);
  return sha.hex();
}

}  // namespace speedster::onnx_model
