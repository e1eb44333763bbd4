#include "onnx/storage.h"

#include <onnx-ml.pb.h>

#include <charconv>
#include <optional>
#include <set>
#include <string_view>

#include "base/text.h"
#include "onnx/dtypes.h"
#include "onnx/skeleton.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::TensorProto;

Error refuse(const TensorProto& tensor, const std::string& what) {
  return {ErrorKind::kBadInput,
          "[onnx] expected tensor '" + tensor.name() + "' to hold what its shape says, got " + what};
}

/// Elements in the typed fields; nothing where there are none.
std::optional<int> typed_count(const TensorProto& tensor) {
  if (tensor.float_data_size() > 0) return tensor.float_data_size();
  if (tensor.int32_data_size() > 0) return tensor.int32_data_size();
  if (tensor.int64_data_size() > 0) return tensor.int64_data_size();
  if (tensor.double_data_size() > 0) return tensor.double_data_size();
  if (tensor.uint64_data_size() > 0) return tensor.uint64_data_size();
  return std::nullopt;
}

template <typename To, typename Field>
void append(const Field& field, std::string& out) {
  for (const auto value : field) {
    const To element = static_cast<To>(value);
    out.append(reinterpret_cast<const char*>(&element), sizeof element);
  }
}

/// The typed fields in raw form, by the table in onnx-ml.proto; empty where type and field do not fit.
std::string typed_to_raw(const TensorProto& tensor) {
  std::string raw;
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
    case TensorProto::COMPLEX64: append<float>(tensor.float_data(), raw); break;
    case TensorProto::DOUBLE:
    case TensorProto::COMPLEX128: append<double>(tensor.double_data(), raw); break;
    case TensorProto::INT64: append<std::int64_t>(tensor.int64_data(), raw); break;
    case TensorProto::UINT64: append<std::uint64_t>(tensor.uint64_data(), raw); break;
    case TensorProto::UINT32: append<std::uint32_t>(tensor.uint64_data(), raw); break;
    case TensorProto::INT32: append<std::int32_t>(tensor.int32_data(), raw); break;
    default:
      if (element_bits(tensor.data_type()) == 16)
        append<std::uint16_t>(tensor.int32_data(), raw);
      else
        append<std::uint8_t>(tensor.int32_data(), raw);  // 4-bit pairs are packed in bytes here, too
  }
  return raw;
}

std::optional<std::uint64_t> entry(const TensorProto& tensor, std::string_view key, bool& malformed) {
  for (const auto& pair : tensor.external_data()) {
    if (pair.key() != key) continue;
    const auto number = parse_number<std::uint64_t>(pair.value());
    malformed |= !number.has_value();
    return number;
  }
  return std::nullopt;
}

const std::string* location_of(const TensorProto& tensor, std::string_view key) {
  for (const auto& pair : tensor.external_data())
    if (pair.key() == key) return &pair.value();
  return nullptr;
}

template <typename Graph, typename Visit>
bool visit_graph(Graph& graph, const Visit& visit);

// `items` and the accessors below hide whether the proto may be changed.
template <typename Owner>
auto& initializers(Owner& graph) {
  if constexpr (std::is_const_v<Owner>)
    return graph.initializer();
  else
    return *graph.mutable_initializer();
}
template <typename Owner>
auto& nodes(Owner& graph) {
  if constexpr (std::is_const_v<Owner>)
    return graph.node();
  else
    return *graph.mutable_node();
}
template <typename Owner>
auto& sparse(Owner& graph) {
  if constexpr (std::is_const_v<Owner>)
    return graph.sparse_initializer();
  else
    return *graph.mutable_sparse_initializer();
}

template <typename Sparse, typename Visit>
bool visit_sparse(Sparse& tensor, const Visit& visit) {
  if constexpr (std::is_const_v<Sparse>)
    return (!tensor.has_values() || visit(tensor.values())) && (!tensor.has_indices() || visit(tensor.indices()));
  else
    return (!tensor.has_values() || visit(*tensor.mutable_values())) &&
           (!tensor.has_indices() || visit(*tensor.mutable_indices()));
}

template <typename Node, typename Visit>
bool visit_node(Node& node, const Visit& visit) {
  if constexpr (std::is_const_v<Node>) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_t() && !visit(attribute.t())) return false;
      for (const auto& tensor : attribute.tensors())
        if (!visit(tensor)) return false;
      if (attribute.has_sparse_tensor() && !visit_sparse(attribute.sparse_tensor(), visit)) return false;
      if (attribute.has_g() && !visit_graph(attribute.g(), visit)) return false;
      for (const auto& graph : attribute.graphs())
        if (!visit_graph(graph, visit)) return false;
    }
  } else {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t() && !visit(*attribute.mutable_t())) return false;
      for (auto& tensor : *attribute.mutable_tensors())
        if (!visit(tensor)) return false;
      if (attribute.has_sparse_tensor() && !visit_sparse(*attribute.mutable_sparse_tensor(), visit)) return false;
      if (attribute.has_g() && !visit_graph(*attribute.mutable_g(), visit)) return false;
      for (auto& graph : *attribute.mutable_graphs())
        if (!visit_graph(graph, visit)) return false;
    }
  }
  return true;
}

template <typename Graph, typename Visit>
bool visit_graph(Graph& graph, const Visit& visit) {
  for (auto& tensor : initializers(graph))
    if (!visit(tensor)) return false;
  for (auto& tensor : sparse(graph))
    if (!visit_sparse(tensor, visit)) return false;
  for (auto& node : nodes(graph))
    if (!visit_node(node, visit)) return false;
  return true;
}

}  // namespace

bool is_stored_outside(const TensorProto& tensor) { return tensor.data_location() == TensorProto::EXTERNAL; }

void clear_values(TensorProto& tensor) {
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.clear_string_data();
  tensor.clear_int64_data();
  tensor.clear_raw_data();
  tensor.clear_double_data();
  tensor.clear_uint64_data();
  tensor.clear_external_data();
  tensor.clear_data_location();
}

void visit_tensors(const ::onnx::ModelProto& model, const std::function<bool(const TensorProto&)>& visit) {
  if (!visit_graph(model.graph(), visit)) return;
  for (const auto& function : model.functions())
    for (const auto& node : function.node())
      if (!visit_node(node, visit)) return;
}

void visit_tensors(::onnx::ModelProto& model, const std::function<bool(TensorProto&)>& visit) {
  if (!visit_graph(*model.mutable_graph(), visit)) return;
  for (auto& function : *model.mutable_functions())
    for (auto& node : *function.mutable_node())
      if (!visit_node(node, visit)) return;
}

void visit_tensors(::onnx::NodeProto& node, const std::function<bool(TensorProto&)>& visit) { visit_node(node, visit); }

Result<void> Storage::store(const Tensor& values, TensorProto& tensor) {
  if (scratch_is_full_)
    return Error(ErrorKind::kNoSpace, "[onnx] expected room for temporary files, got none before; try another TMPDIR");
  if (!scratch_) {
    SPEEDSTER_ASSIGN(scratch_, ByteSource::scratch());
  }
  const auto appended = scratch_->append({static_cast<const std::byte*>(values.data()), values.bytes()});
  scratch_is_full_ = !appended.ok();
  SPEEDSTER_ASSIGN(const std::uint64_t offset, appended);
  tensor.set_data_location(TensorProto::EXTERNAL);
  auto* range = tensor.add_external_data();
  range->set_key(kScratchKey);
  range->set_value(std::to_string(offset) + ":" + std::to_string(values.bytes()));
  return {};
}

Result<std::filesystem::path> Storage::external_file(const TensorProto& tensor) const {
  if (!is_stored_outside(tensor) || location_of(tensor, kOwnFileKey) || location_of(tensor, kScratchKey))
    return std::filesystem::path();
  std::set<std::string_view> keys;
  for (const auto& pair : tensor.external_data())  // readers differ in which of two they believe
    if (!keys.insert(pair.key()).second) return refuse(tensor, "external data with two of \"" + pair.key() + "\"");
  const std::string* location = location_of(tensor, "location");
  if (!location) return refuse(tensor, "external data with no location");
  if (folder_.empty()) return refuse(tensor, "external data \"" + *location + "\" of a model that is in no folder");
  // Exporters write "./weights.data" at times; what leaves the folder is refused below all the same.
  auto path = inside(folder_, std::filesystem::path(*location).lexically_normal().string(), "onnx");
  if (!path)
    return std::move(path).error().wrap_as(ErrorKind::kBadInput,
                                           "[onnx] expected the external data of '" + tensor.name() +
                                               "' in the model's folder, got \"" + *location +
                                               "\"; try to export the model with its data beside it");
  return path;
}

Result<Storage::Location> Storage::locate(const TensorProto& tensor, std::uint64_t expected) const {
  Location location;
  const std::string* own = location_of(tensor, kOwnFileKey);
  if (const std::string* range = own ? own : location_of(tensor, kScratchKey)) {
    location.source = own ? own_ : scratch_;
    const std::size_t colon = range->find(':');
    const auto offset = parse_number<std::uint64_t>(std::string_view(*range).substr(0, colon));
    const auto length = colon == std::string::npos
                            ? std::nullopt
                            : parse_number<std::uint64_t>(std::string_view(*range).substr(colon + 1));
    if (!location.source || !offset || !length) return refuse(tensor, "a damaged range \"" + *range + "\"");
    location.offset = *offset, location.length = *length;
  } else {
    SPEEDSTER_ASSIGN(location.file, external_file(tensor));
    auto source = ByteSource::open(location.file);
    if (!source)
      return std::move(source).error().wrap_as(
          ErrorKind::kBadInput, "[onnx] expected the external data of '" + tensor.name() + "' at " +
                                    location.file.string() + ", got none; try to copy it beside the model");
    location.source = std::move(*source);
    bool malformed = false;
    location.offset = entry(tensor, "offset", malformed).value_or(0);
    const std::optional<std::uint64_t> length = entry(tensor, "length", malformed);
    if (malformed) return refuse(tensor, "an offset or length that is no number");
    if (location.offset > location.source->size())
      return refuse(tensor, "an offset of " + std::to_string(location.offset) + " in " + location.file.string() +
                                " of " + std::to_string(location.source->size()) + " bytes");
    location.length = length.value_or(expected);
  }
  if (location.length != expected)
    return refuse(tensor, std::to_string(location.length) + " bytes for " + std::to_string(expected));
  if (location.offset > location.source->size() || location.length > location.source->size() - location.offset)
    return refuse(tensor, "bytes " + std::to_string(location.offset) + " to " +
                              std::to_string(location.offset + location.length) + " of " + location.source->describe() +
                              ", which ends at " + std::to_string(location.source->size()));
  return location;
}

Result<std::uint64_t> Storage::size(const TensorProto& tensor) const {
  const std::span<const std::int64_t> dims(tensor.dims().data(), static_cast<std::size_t>(tensor.dims_size()));
  if (tensor.data_type() == TensorProto::STRING) {
    const std::optional<std::int64_t> count = element_count(dims);
    if (!count || *count != tensor.string_data_size())
      return refuse(tensor, std::to_string(tensor.string_data_size()) + " strings");
    return std::uint64_t{0};
  }
  const std::optional<std::uint64_t> expected = stored_bytes(tensor.data_type(), dims);
  if (!expected) return refuse(tensor, "shape " + to_string(dims) + " of " + element_type_name(tensor.data_type()));
  if (is_stored_outside(tensor)) {
    SPEEDSTER_TRY(locate(tensor, *expected));
    return *expected;
  }
  std::uint64_t actual = tensor.raw_data().size();
  if (!tensor.has_raw_data()) {
    const auto count = static_cast<std::uint64_t>(typed_count(tensor).value_or(0));
    const int bits = element_bits(tensor.data_type());
    actual = bits < 8 ? count : count * static_cast<std::uint64_t>(bits / 8);
    const bool complex = tensor.data_type() == TensorProto::COMPLEX64 || tensor.data_type() == TensorProto::COMPLEX128;
    if (complex) actual /= 2;
  }
  if (actual != *expected)
    return refuse(tensor, std::to_string(actual) + " bytes for shape " + to_string(dims) + " of " +
                              element_type_name(tensor.data_type()));
  return *expected;
}

Result<void> Storage::stream(const TensorProto& tensor, const Sink& sink) const {
  SPEEDSTER_ASSIGN(const std::uint64_t bytes, size(tensor));
  if (bytes == 0) return {};
  if (is_stored_outside(tensor)) {
    SPEEDSTER_ASSIGN(const Location location, locate(tensor, bytes));
    return location.source->stream(location.offset, location.length, sink);
  }
  if (tensor.has_raw_data()) return sink(std::as_bytes(std::span(tensor.raw_data())));
  const std::string raw = typed_to_raw(tensor);
  if (raw.size() != bytes) return refuse(tensor, "values in a field of another type");
  return sink(std::as_bytes(std::span(raw)));
}

Result<Tensor> Storage::load(const TensorProto& tensor) const {
  const std::optional<DType> dtype = dtype_from_onnx(tensor.data_type());
  if (!dtype)
    return Error(ErrorKind::kUnsupported, "[onnx] expected a tensor of numbers in '" + tensor.name() + "', got " +
                                              element_type_name(tensor.data_type()));
  SPEEDSTER_TRY(size(tensor));
  Tensor values(*dtype, Shape(tensor.dims().begin(), tensor.dims().end()));
  std::size_t at = 0;
  SPEEDSTER_TRY(stream(tensor, [&](std::span<const std::byte> piece) -> Result<void> {
    std::memcpy(static_cast<std::byte*>(values.data()) + at, piece.data(), piece.size());
    at += piece.size();
    return {};
  }));
  return values;
}

}  // namespace speedster::onnx_model
